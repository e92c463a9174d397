"""Runs over values of an option, and curves of success against them."""

from gridseval.sweeping.axes import Axis, Point, expand
from gridseval.sweeping.curves import Curve, CurvePoint, are_sweeps, curve_of
from gridseval.sweeping.record import SWEEP, SweepRecord, read_sweep
from gridseval.sweeping.running import SweepProgress, sweep

__all__ = [
    "SWEEP",
    "Axis",
    "Curve",
    "CurvePoint",
    "Point",
    "SweepProgress",
    "SweepRecord",
    "are_sweeps",
    "curve_of",
    "expand",
    "read_sweep",
    "sweep",
]
