"""Side by side on this machine: the plain ``libero`` loop that everyone copies, and gridseval."""

from gridseval.bench.figures import as_json
from gridseval.bench.measure import Measurements, measure
from gridseval.bench.plan import BenchPlan
from gridseval.bench.tables import as_text

__all__ = ["BenchPlan", "Measurements", "as_json", "as_text", "measure"]
