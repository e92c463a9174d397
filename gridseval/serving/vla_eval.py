"""One client that speaks vla-eval's protocol: its runner, or ours (vla-eval 0.8, version 1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError
from gridseval.foreign_text import one_line
from gridseval.policies import EnvironmentNeeds, LoadedPolicy
from gridseval.serving.batching import Answered
from gridseval.serving.session import Asked, checked_image, checked_state
from gridseval.suites import (
    DEFAULT_PROTOCOL,
    Episode,
    EvaluationProtocol,
    list_protocols,
    load_protocol,
)
from gridseval.wire import vla_eval
from gridseval.wire.arrays import WireError
from gridseval.wire.own import CAMERAS
from gridseval.wire.vla_eval import Message

PATH = "/vla-eval"
"""Path of the address on which nothing but this protocol is spoken."""

_STATES = {"state": "states", "controller_state": "controller_states"}
_FORMATS = {
    "delta": ("delta_xyz", [-1.0, 1.0]),
    "absolute": ("absolute_xyz", None),
}


def declaration(loaded: LoadedPolicy) -> dict[str, Any]:
    """Return the payload of a HELLO: what the policy wants to see, and what its actions mean.

    Raises:
        PolicyError: It wants what vla-eval's benchmarks do not send.
    """
    keys = loaded.observation_keys
    if "privileged" in keys:
        raise PolicyError("the policy asks for object poses, which vla-eval does not send")
    state = not _STATES.keys().isdisjoint(keys)
    params: dict[str, Any] = {"send_wrist_image": "wrist" in keys, "send_state": state}
    if state:
        params["quat_no_antipodal"] = True
    seed = _env_seed(loaded.needs)
    if seed is not None:
        params["env_seed"] = seed
    if loaded.needs.actions == "absolute":
        params["absolute_action"] = True
    return {
        "harness_version": "gridseval",
        "protocol_version": vla_eval.PROTOCOL_VERSION,
        "model_server": loaded.name,
        "capabilities": {},
        "observation_params": params,
        "action_spec": _action_spec(loaded.needs.actions),
        "observation_spec": _observation_spec(keys, state),
    }


def _env_seed(needs: EnvironmentNeeds) -> int | None:
    """Return the seed that the policy needs, or its family's protocol has, if any.

    vla-eval seeds once per task; a protocol that seeds every trial cannot be said there.
    """
    if needs.env_seed is not None or needs.protocol not in list_protocols():
        return needs.env_seed  # a protocol that is not here is a recording's own
    protocol = load_protocol(needs.protocol)
    return protocol.env_seed if protocol.seeding == "task" else None


def unfollowed(needs: EnvironmentNeeds) -> str | None:
    """Return what vla-eval's LIBERO benchmark does otherwise than the policy's protocol.

    It takes ``env_seed`` from a HELLO. The protocol cannot express the rest: seeds of every trial,
    the size of images, and steps.

    Args:
        needs: The policy's.

    Returns:
        One line for the log, or ``None`` where nothing differs or the policy asks for nothing.
    """
    if needs.protocol is None and not needs.strict:
        return None
    name, theirs = needs.protocol or DEFAULT_PROTOCOL, load_protocol("vla-eval")
    known = name in list_protocols()  # else it is a recording's own
    ours = load_protocol(name if known else DEFAULT_PROTOCOL)
    differs = []
    if (needs.seeding or ours.seeding) != "task":
        seed = ours.env_seed if needs.env_seed is None else needs.env_seed
        differs.append(f"env.seed({seed} + trial) in every trial (there one seed per task)")
    px = needs.image_px or ours.image_px
    if px != theirs.image_px:
        differs.append(f"images of {px} px (there {theirs.image_px})")
    settle = ours.settle_steps if needs.settle_steps is None else needs.settle_steps
    if settle != theirs.settle_steps:
        differs.append(f"{settle} settle steps (there {theirs.settle_steps})")
    if known and (steps := _other_steps(ours, theirs)):
        differs.append(f"policy steps {steps}")
    if not differs:
        return None
    return (
        f"vla-eval's LIBERO does not follow protocol {name!r}: {', '.join(differs)}; scores may "
        "differ from those of 'gridseval run', which follows it"
    )


def _other_steps(ours: EvaluationProtocol, theirs: EvaluationProtocol) -> str:
    """Return the policy steps of the suites for which the two differ."""
    return ", ".join(
        f"{suite} {steps} (there {theirs.max_steps[suite]})"
        for suite, steps in ours.max_steps.items()
        if theirs.max_steps.get(suite, steps) != steps
    )


def _action_spec(actions: str) -> dict[str, Any]:
    form, bounds = _FORMATS[actions]
    return {
        "position": _entry("position", 3, form, bounds),
        "rotation": _entry("rotation", 3, "axis_angle", [-3.15, 3.15]),
        "gripper": _entry("gripper", 1, "binary_close_positive", [-1.0, 1.0]),
    }


def _observation_spec(keys: tuple[str, ...], state: bool) -> dict[str, Any]:
    """Name what is looked at as vla-eval's LIBERO benchmark does, which compares the names."""
    cameras = [key for key in keys if key in CAMERAS]
    spec = {camera: _entry("image", 0, "rgb_hwc_uint8") for camera in cameras}
    if state:
        spec["state"] = _entry("state", 8, "eef_pos3_axisangle3_gripper2")
    return spec | {"language": _entry("language", 0, "language")}


def _entry(name: str, dims: int, form: str, bounds: list[float] | None = None) -> dict[str, Any]:
    given = {"name": name, "dims": dims, "format": form}
    return given if bounds is None else given | {"range": bounds}


class VlaEvalSession:
    """Answers one client's messages; a chunk is played out here, an action per observation.

    Args:
        slot: The client's batch slot.
        loaded: The policy.
        ask: Gets the policy's answer to a request.
    """

    def __init__(
        self, slot: int, loaded: LoadedPolicy, ask: Callable[[Asked], Awaitable[Answered]]
    ) -> None:
        self._slot, self._loaded, self._ask = slot, loaded, ask
        self._planned: deque[NDArray[np.float32]] = deque()
        self._begins: Episode | None = Episode("client", 0, 0)
        self._steps = 0
        self.episodes = self.requests = 0

    async def reply(self, message: Message) -> Message | None:
        """Return the answer to a message, an ERROR where something is wrong with it."""
        try:
            payload = await self._answer(message)
        except (WireError, PolicyError) as error:
            return Message(vla_eval.ERROR, {"error": one_line(str(error))}, message.seq)
        if payload is None:
            return None
        kind = vla_eval.HELLO if message.type == vla_eval.HELLO else vla_eval.ACTION
        return Message(kind, payload, message.seq)

    async def _answer(self, message: Message) -> dict[str, Any] | None:
        if message.type == vla_eval.HELLO:
            return self._hello(message.payload)
        if message.type == vla_eval.OBSERVATION:
            return {"actions": await self._act(message.payload)}
        if message.type == vla_eval.EPISODE_START:
            self._begin(message.payload)
        elif message.type == vla_eval.EPISODE_END:
            self._planned.clear()
        return None

    def _hello(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        version = payload.get("protocol_version")
        if version != vla_eval.PROTOCOL_VERSION:
            raise WireError(f"the client speaks version {version} of vla-eval's protocol, not 1")
        return declaration(self._loaded)

    def _begin(self, payload: Mapping[str, Any]) -> None:
        """Note that an episode begins; the policy is reset with the first observation."""
        told = payload.get("task")
        task = told if isinstance(told, Mapping) else {}
        suite = task.get("suite")
        self._begins = Episode(
            suite if isinstance(suite, str) else "client",
            _number(task.get("task_id"), 0),
            _number(task.get("episode_idx"), self.episodes),
        )
        self.episodes += 1
        self._steps = 0
        self._planned.clear()

    async def _act(self, payload: Mapping[str, Any]) -> NDArray[np.float32]:
        self.requests += 1
        if not self._planned:
            asked = Asked(self._slot, self._begins, self._observation(payload))
            actions = (await self._ask(asked)).actions
            self._begins = None
            self._planned.extend(actions[: self._loaded.replan])
        self._steps += 1
        return self._planned.popleft()

    def _observation(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        instruction = payload.get("task_description")
        if not isinstance(instruction, str):
            raise WireError("the observation has no text 'task_description'")
        seen: dict[str, Any] = {"instruction": instruction, "steps": self._steps}
        given = payload.get("images")
        images = given if isinstance(given, Mapping) else {}
        for key in self._loaded.observation_keys:
            if key in CAMERAS:
                seen[key] = checked_image(_present(images, key, "send_wrist_image"), key)
            elif key in _STATES:
                seen[key] = checked_state(_present(payload, _STATES[key], "send_state"))
        return seen


def _present(given: Mapping[str, Any], key: str, parameter: str) -> Any:
    if key not in given:
        raise WireError(
            f"the observation has no {key!r}, which the policy looks at: is it LIBERO's, and its "
            f"{parameter} true?"
        )
    return given[key]


def _number(value: Any, default: int) -> int:
    return value if type(value) is int and value >= 0 else default
