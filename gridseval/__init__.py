"""Evaluate vision-language-action policies on LIBERO in simulation."""
