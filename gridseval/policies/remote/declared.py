"""What a vla-eval server declares in its HELLO, and what gridseval does about it (vla-eval 0.8.0).

vla-eval hands the declared parameters to its LIBERO benchmark, drops with a warning what that does
not know, and warns where conventions differ. A warning in a log has cost people wrong tables: here
every parameter and every convention is honoured, converted where its meaning is sure, or refused by
name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gridseval.errors import PolicyError, did_you_mean
from gridseval.suites import MOST_SEED

Rule = tuple[type, str]

PARAMETERS: Mapping[str, Rule] = {
    "send_wrist_image": (bool, "the wrist camera's image is sent"),
    "send_state": (bool, "states and controller_states are sent"),
    "quat_no_antipodal": (bool, "whether states keep robosuite's angles of 0 to 2π"),
    "absolute_action": (bool, "whether actions are goal poses once the scene has settled"),
    "env_seed": (int, "what LIBERO's env.seed is given"),
    "seed": (int, "the same, where there is no env_seed"),
    "suite": (str, "the only suite whose episodes are run"),
    "num_steps_wait": (int, "10, as every protocol has it; another number is refused"),
    "max_steps": (int, "refused: a run has --max-steps"),
}
"""All that vla-eval's LIBERO benchmark takes: the type of each, and how it is honoured."""

_NOT_LIBEROS = ("success_mode", "max_episode_steps", "deterministic_episodes")
"""SimplerEnv's, which GR00T's and DB-CogACT's servers declare for every benchmark; vla-eval's
LIBERO drops them, and their published LIBERO scores were measured so."""

_SETTLE_STEPS = 10


@dataclass(frozen=True)
class Parameters:
    """The parameters of a server that a run honours.

    Attributes:
        wrist, state: Whether they are sent; ``None`` where it is not declared.
        no_antipodal: Whether states keep robosuite's angles; ``None`` where it is not declared.
        absolute: Whether actions are goal poses.
        env_seed: For LIBERO, or ``None``.
        suite: The only one that is served, or ``None``.
        notes: What the user should know.
    """

    wrist: bool | None
    state: bool | None
    no_antipodal: bool | None
    absolute: bool
    env_seed: int | None
    suite: str | None
    notes: tuple[str, ...]


def read_parameters(
    declared: Any, given: Mapping[str, Any], ignored: Collection[str]
) -> Parameters:
    """Return what a server's ``observation_params`` ask for.

    Args:
        declared: As the HELLO has it.
        given: The user's own values, which win, as those of vla-eval's configuration do.
        ignored: Names that the user wants left alone.

    Raises:
        PolicyError: A parameter is unknown, has no such value, or cannot be honoured.
    """
    for name in given:
        if name not in PARAMETERS:
            raise PolicyError(
                f"policy 'vla-eval' has no argument {name!r}", did_you_mean(name, PARAMETERS)
            )
    declared = _mapping(declared, "observation_params")
    wanted = {**declared, **given}
    wanted = {key: v for key, v in wanted.items() if key not in ignored and v is not None}
    dropped = [name for name in _NOT_LIBEROS if wanted.pop(name, None) is not None]
    for name, value in wanted.items():
        _check(name, value, "you give" if name in given else "the server declares")
    listed = ", ".join(dropped)
    note = f"the server declares {listed}: SimplerEnv's, without a meaning in LIBERO"
    return Parameters(
        wrist=wanted.get("send_wrist_image"),
        state=wanted.get("send_state"),
        no_antipodal=wanted.get("quat_no_antipodal"),
        absolute=wanted.get("absolute_action", False),
        env_seed=wanted.get("env_seed", wanted.get("seed")),
        suite=wanted.get("suite"),
        notes=(note,) if dropped else (),
    )


def _check(name: str, value: Any, who: str) -> None:
    """Refuse a parameter that cannot be honoured."""
    name = str(name)[:60]  # a server's word
    if name not in PARAMETERS:
        raise PolicyError(
            f"{who} {name}={repr(value)[:60]}, which has no meaning in LIBERO",
            f"serve the model for LIBERO, or, if it does without: --policy-arg ignore={name}",
        )
    kind, _ = PARAMETERS[name]
    if type(value) is not kind:
        expected = {bool: "true or false", int: "a whole number", str: "a text"}[kind]
        raise PolicyError(f"{who} {name}={repr(value)[:60]}, not {expected}")
    if isinstance(value, int) and not 0 <= value <= MOST_SEED:
        raise PolicyError(f"{who} {name}={value}, not within 0 and {MOST_SEED}")
    if name == "max_steps":
        raise PolicyError(
            f"{who} max_steps={value}, which only a run's option can set",
            f"--max-steps {value} --policy-arg ignore=max_steps",
        )
    if name == "num_steps_wait" and value != _SETTLE_STEPS:
        raise PolicyError(
            f"{who} num_steps_wait={value}, but episodes settle for {_SETTLE_STEPS} steps",
            "run it in a --protocol with these settle_steps, with "
            "--policy-arg ignore=num_steps_wait",
        )


@dataclass(frozen=True)
class Component:
    """One entry of a declared specification.

    Attributes:
        format: The convention's name.
        dims: How many numbers; 0 where that says nothing.
        accepts: Formats that are converted there, for observations.
    """

    format: str
    dims: int = 0
    accepts: tuple[str, ...] = ()


def read_spec(declared: Any, what: str, ignored: Collection[str]) -> dict[str, Component]:
    """Return an ``action_spec`` or ``observation_spec``.

    Args:
        declared: As the HELLO has it.
        what: Its key, for errors.
        ignored: Components that the user wants left alone.

    Raises:
        PolicyError: It cannot be read.
    """
    found = {}
    for name, entry in _mapping(declared, what).items():
        if name in ignored:
            continue
        given = entry if isinstance(entry, Mapping) else {}
        form, dims, accepts = given.get("format"), given.get("dims", 0), given.get("accepts", [])
        if not (isinstance(form, str) and type(dims) is int and isinstance(accepts, list)):
            raise PolicyError(f"the server's {what} of {name!r} cannot be read: {str(entry)[:100]}")
        found[str(name)] = Component(form, dims, tuple(map(str, accepts)))
    return found


def check_ignored(ignored: Collection[str], declared: Iterable[str]) -> None:
    """Refuse names to ignore that the server did not declare: they may be misspelt.

    Raises:
        PolicyError: There is one.
    """
    names = tuple(declared)
    for name in ignored:
        if name not in names:
            raise PolicyError(
                f"ignore={name}: the server declares no {name!r}", did_you_mean(name, names)
            )


def _mapping(declared: Any, what: str) -> Mapping[str, Any]:
    if declared is None:
        return {}
    if not isinstance(declared, Mapping):
        raise PolicyError(f"the server's {what} is {str(declared)[:60]!r}, expected a mapping")
    return declared


_AGENTVIEW = ("image", "agentview", "agentview_image", "full_image")
_WRIST = ("wrist", "wrist_image")
_IMAGE = "rgb_hwc_uint8"
_STATE = "eef_pos3_axisangle3_gripper2"
_XVLA = "rot6d_interleaved_proprio_20d"
"""X-VLA's server declares it, and makes it of the state and controller_states that LIBERO sends."""


@dataclass(frozen=True)
class Observed:
    """What a server's ``observation_spec`` expects.

    Attributes:
        wrist: Whether it names the wrist camera.
        state: Whether it names a state of LIBERO's form.
        raw_state: Whether it names one without saying of which form.
    """

    wrist: bool = False
    state: bool = False
    raw_state: bool = False


def read_observations(spec: Mapping[str, Component]) -> Observed:
    """Return what an observation specification expects.

    Raises:
        PolicyError: LIBERO does not have it.
    """
    wrist = state = raw_state = False
    for name, component in spec.items():
        if name in _AGENTVIEW:
            _require(name, component, (_IMAGE,))
        elif name in _WRIST:
            _require(name, component, (_IMAGE,))
            wrist = True
        elif name in ("state", "states"):
            _require(name, component, (_STATE, _XVLA))
            raw_state = component.format == "raw"
            state = not raw_state
        elif name == "language":
            _require(name, component, ("language",))
        elif component.format == _IMAGE:
            _refuse(f"a camera {name!r}, which LIBERO does not have", name)
        elif component.format != "raw":
            _refuse(f"an observation {name!r} ({component.format}), unknown in LIBERO", name)
    return Observed(wrist, state, raw_state)


def _require(name: str, component: Component, known: tuple[str, ...]) -> None:
    if component.format in (*known, "raw") or set(known) & set(component.accepts):
        return
    _refuse(f"{name} as {component.format!r}; LIBERO has {known[0]!r}", name)


def _refuse(what: str, name: str) -> None:
    raise PolicyError(
        f"the server expects {what}",
        f"serve the model for LIBERO, or, if it does without: --policy-arg ignore={name}",
    )
