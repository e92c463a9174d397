"""A policy server: any policy kind behind openpi's websocket protocol.

It runs in the model's own environment, where neither MuJoCo nor LIBERO need be installed.
"""

from gridseval.serving.server import PolicyServer, ServeSettings

__all__ = ["PolicyServer", "ServeSettings"]
