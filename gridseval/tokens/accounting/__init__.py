"""What a query costs: operations by a model's description, memory by measurement; without torch."""

from gridseval.tokens.accounting.conventions import (
    CONVENTIONS,
    FLOPS_PER_MAC,
    Convention,
    find_convention,
)
from gridseval.tokens.accounting.count import Cost, Repeats, Schedule, count_macs
from gridseval.tokens.accounting.memory import PeakMemory
from gridseval.tokens.accounting.model import (
    Expert,
    Language,
    ModelDescription,
    Tower,
    list_models,
    load_model,
)
from gridseval.tokens.accounting.traces import stage_flops, trace_flops
from gridseval.tokens.accounting.transformer import Convolution, Linear, Transformer
from gridseval.tokens.pruners import Choice, pruner_macs

__all__ = [
    "CONVENTIONS",
    "FLOPS_PER_MAC",
    "Choice",
    "Convention",
    "Convolution",
    "Cost",
    "Expert",
    "Language",
    "Linear",
    "ModelDescription",
    "PeakMemory",
    "Repeats",
    "Schedule",
    "Tower",
    "Transformer",
    "count_macs",
    "find_convention",
    "list_models",
    "load_model",
    "pruner_macs",
    "stage_flops",
    "trace_flops",
]
