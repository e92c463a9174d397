"""Checks that a LeRobot checkpoint brings the statistics that its processors normalise by.

LeRobot's normalising steps give on unchanged what they have no statistics for, and one number
where seven belong is spread over all of them, both without a word: the arm then moves by the
model's normalised actions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gridseval.errors import PolicyError

_ACTION = "action"
_NEEDED = {
    "MEAN_STD": ("mean", "std"),
    "MIN_MAX": ("min", "max"),
    "QUANTILES": ("q01", "q99"),
    "QUANTILE10": ("q10", "q90"),
}
"""Normalisation mode to the statistics that LeRobot's formula for it uses."""


@dataclass(frozen=True)
class Normalised:
    """What goes through a checkpoint's processors.

    Attributes:
        where: The checkpoint, for messages.
        before: The policy's preprocessor.
        after: Its postprocessor.
        inputs: Key of an observation, as the policy sees it, to its number of components.
        action: Components of an action that comes out of the policy.
        renamed: What the preprocessor renames, old name to new.
    """

    where: str
    before: Any
    after: Any
    inputs: Mapping[str, int]
    action: int
    renamed: Mapping[str, str]


def check_statistics(normalised: Normalised, modes: Mapping[Any, Any]) -> tuple[str, ...]:
    """Refuse a checkpoint that would act unnormalised, and return what its user should know.

    Args:
        normalised: Its processors, and what goes through them.
        modes: Its configuration's ``normalization_mapping``, feature type to mode.

    Raises:
        PolicyError: A statistic is missing or of another shape; the first is named.
    """
    notes: list[str] = []
    for step in _normalising(normalised.before):
        for key, size in normalised.inputs.items():
            notes += _check_input(normalised, step, key, size)
    for step in _normalising(normalised.after):
        # LeRobot looks an action's statistics up whether or not the step lists it.
        mode = _mode(step.norm_map, "ACTION")
        _check(normalised.where, step, _ACTION, mode, normalised.action)
    return (*notes, *_without_step(normalised, modes))


def _normalising(pipeline: Any) -> Iterator[Any]:
    for step in pipeline.steps:
        if isinstance(getattr(step, "norm_map", None), Mapping) and hasattr(step, "features"):
            yield step


def _check_input(normalised: Normalised, step: Any, key: str, size: int) -> Iterator[str]:
    """Check an observation's statistics, and yield a note where training had none either."""
    only = getattr(step, "normalize_observation_keys", None)
    feature = step.features.get(key)
    if feature is None or (only is not None and key not in only):
        return
    mode = _mode(step.norm_map, feature.type)
    olds = [old for old, new in normalised.renamed.items() if new == key and old != key]
    had = {name.rpartition(".")[0] for name in step.state_dict()}
    # LeRobot's training with a rename_map keeps statistics under the data's own names, and so
    # trains on values as they are.
    if mode != "IDENTITY" and key not in had and had & set(olds):
        yield (
            f"{key} is not normalised ({mode}): its statistics are kept under "
            f"{', '.join(olds)}, where LeRobot does not find them, in training neither"
        )
    else:
        _check(normalised.where, step, key, mode, size)


def _check(where: str, step: Any, key: str, mode: str, size: int) -> None:
    """Refuse statistics that LeRobot would leave out, or spread over more than they are of."""
    if mode == "IDENTITY":
        return
    has = step.state_dict()
    for statistic in _NEEDED.get(mode, ()):
        name = f"{key}.{statistic}"
        if name not in has:
            raise PolicyError(
                f"{where}: the statistic {name} is missing, without which {mode} cannot be done",
                "LeRobot would go on with unnormalised values: is the .safetensors file beside "
                f"policy_{_place(step)}processor.json whole?",
            )
        value, wanted = has[name], _shape(step, key, size)
        fits = value.numel() == size and tuple(value.shape)[-len(wanted) :] == wanted
        if not fits or not bool(value.isfinite().all()):
            problem = "is not finite" if fits else f"has shape {tuple(value.shape)}, not {wanted}"
            raise PolicyError(
                f"{where}: the statistic {name} {problem}: {mode} cannot be done with it",
                "was it trained on LIBERO, and is its file whole?",
            )


def _shape(step: Any, key: str, size: int) -> tuple[int, ...]:
    feature = step.features.get(key)
    return (size, 1, 1) if feature is not None and _name(feature.type) == "VISUAL" else (size,)


def _place(step: Any) -> str:
    return "post" if "unnorm" in type(step).__name__.lower() else "pre"


def _without_step(normalised: Normalised, modes: Mapping[Any, Any]) -> Iterator[str]:
    """Yield a note for what the configuration says is normalised, and no step does."""
    pipelines = {"ACTION": normalised.after, "STATE": normalised.before}
    for kind, pipeline in pipelines.items():
        mode = _mode(modes, kind)
        sees = kind == "ACTION" or any(".state" in key for key in normalised.inputs)
        if sees and mode != "IDENTITY" and not any(True for _ in _normalising(pipeline)):
            yield (
                f"its config says {kind} is {mode}, but its processors have no step for that: it "
                "runs without, as in LeRobot"
            )


def _mode(modes: Mapping[Any, Any], kind: Any) -> str:
    """Return a feature type's mode; what is not listed stays as it is."""
    names = {_name(key): _name(mode) for key, mode in modes.items()}
    return names.get(_name(kind), "IDENTITY")


def _name(member: Any) -> str:
    return str(getattr(member, "value", member))
