"""How LeRobot's types of policies are asked, by what their code does."""

from __future__ import annotations

CHUNKED = ("act", "pi0", "pi05", "pi0_fast", "smolvla", "xvla")
"""Kinds whose chunk is all that they see of an observation: their queue is emptied before they look
again. Every other kind is asked at every step, as LeRobot's own evaluation asks all."""

APART = (*CHUNKED, "diffusion", "vqbet", "tdmpc", "multi_task_dit")
"""Kinds whose memory of an episode is in attributes of the policy only."""

NOISE = dict.fromkeys(("pi0", "pi05", "smolvla"), ("chunk_size", "max_action_dim"))
"""Kinds that take their noise as an argument: (chunk, action width) of the configuration."""

CERTAIN = ("act",)
"""Kinds that draw no random numbers when they act."""
