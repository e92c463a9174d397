"""Policies that run elsewhere, behind a websocket."""
