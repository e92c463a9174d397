"""Visual tokens: pruners, traces of what they kept, and what both cost.

Traces and mappings need numpy only and are here; pruners need torch and are imported from their
own modules.
"""

from gridseval.tokens.mapping import ImageMapping
from gridseval.tokens.token_trace import CameraTrace, TokenTrace

__all__ = ["CameraTrace", "ImageMapping", "TokenTrace"]
