"""Evaluate vision-language-action policies on LIBERO in simulation.

Importing the package registers the Gymnasium environments ``gridseval/<suite>-v0``; neither MuJoCo
nor torch is loaded before one of them is made.
"""

from __future__ import annotations

from gridseval.registration import register_environments

__version__ = "0.1.0"
__all__ = ["__version__"]

register_environments()
