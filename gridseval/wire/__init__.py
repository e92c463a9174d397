"""What travels between an evaluation and a policy server, and how it is packed.

Two dialects of msgpack over websockets are in use, openpi's and vla-eval's; both are read and
written here without their packages, whose pins (numpy below 2) would decide our environment.
Nothing that arrives is trusted: arrays are plain numbers of a stated size, and never code.
"""
