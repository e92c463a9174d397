"""Checks of this machine against the traps that have cost people wrong tables."""

from gridseval.doctor.diagnosis import diagnose
from gridseval.doctor.finding import Finding

__all__ = ["Finding", "diagnose"]
