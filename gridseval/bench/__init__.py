"""Side by side on this machine: the plain ``libero`` loop that everyone copies, and gridseval.

Import what you need from the modules: the process of the plain loop must not load what only the
command needs.
"""
