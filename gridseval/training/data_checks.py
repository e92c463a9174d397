"""What is odd about the datasets of a training, though each of them is whole."""

from __future__ import annotations

from collections.abc import Sequence

from gridseval.errors import UsageError
from gridseval.suites import DEFAULT_PROTOCOL, load_protocol
from gridseval.training.dataset import Dataset


def check_distinct(datasets: Sequence[Dataset]) -> None:
    """Refuse a dataset that is there twice: held-out episodes would be trained on.

    Raises:
        UsageError: Names both.
    """
    first: dict[str, Dataset] = {}
    for dataset in datasets:
        other = first.setdefault(dataset.sha256, dataset)
        if other is not dataset:
            raise UsageError(
                f"{dataset.path} has the same episodes as {other.path}", "name each dataset once"
            )


def notes_on(datasets: Sequence[Dataset]) -> tuple[str, ...]:
    """Return what a user should know of the data before hours of training."""
    evaluated_px = load_protocol(DEFAULT_PROTOCOL).image_px
    notes = []
    for dataset in datasets:
        origin = dataset.provenance
        if origin.starts == "stored":
            notes.append(
                f"{dataset.path} was collected on stored starts, on which gridseval run evaluates: "
                "success on them would be success on the training data"
            )
        if origin.observed_px not in (None, evaluated_px):
            notes.append(
                f"{dataset.path} was seen at {origin.observed_px} px, and gridseval run shows nano "
                f"{evaluated_px} px: name the data's protocol with --protocol in runs"
            )
    return tuple(notes)
