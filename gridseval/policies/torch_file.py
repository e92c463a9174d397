"""Policies stored as one file: TorchScript, or a program exported with ``torch.export``.

Both are programs, not pickles, and neither is trusted: exported files are read by ``exported.py``,
TorchScript by ``scripted.py``, and pickled modules are refused unread.
"""

from __future__ import annotations

import re
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError
from gridseval.policies import exported, exported_weights, scripted, scripted_weights
from gridseval.policies.chunk_check import check_actions
from gridseval.policies.protocol import ActionChunk, Observations, at_least

if TYPE_CHECKING:
    from gridseval.suites import Episode


class TorchPolicy:
    """Runs a TorchScript or ``torch.export`` file.

    The program takes, by position, agentview uint8 (B, 256, 256, 3), wrist uint8 (B, 256, 256, 3)
    and state float32 (B, 8), as the observations have them, and returns floating-point actions (B,
    H, 7) in gridseval's convention. Resizing, normalisation and gripper sign belong into the
    program.

    Matrix products round differently for different batch sizes. So, unless told otherwise, every
    slot is a call of its own, and an episode's actions do not depend on how many others run beside
    it, not even in the last bit.

    Args:
        checkpoint: The file, of any name.
        batch: Slots per call, at least 1; the last call repeats its last slot to fill up. Faster
            than ``None``, one slot per call, but then outcomes may depend on the number of workers.
            A program with a fixed batch size accepts only that, or ``None``, which fills it with
            one slot.
        device: ``cpu``, ``cuda`` or ``cuda:INDEX``.

    Raises:
        PolicyError: The file is damaged, no program, or might do more than compute; or there is no
            such device.
    """

    observation_keys = ("agentview", "wrist", "state")

    def __init__(self, checkpoint: str, batch: int | None = None, device: str = "cpu") -> None:
        self._slots = 1 if batch is None else at_least(1, "batch", batch)
        self._device = check_device(device)
        program = _load(Path(checkpoint), device)
        self._run = program.run
        self._rows = (program.batch or 1) if batch is None else self._slots
        self._name = checkpoint

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Nothing to do: a program keeps no memory of an episode."""

    def act(self, observations: Observations) -> ActionChunk:
        """Return float32 (B, H, 7), H being the program's.

        Raises:
            PolicyError: The program fails, or returns something else than finite (B, H, 7).
        """
        inputs = [np.asarray(observations[key]) for key in self.observation_keys]
        count = len(inputs[0])
        starts = range(0, count, self._slots)
        calls = [self._call(inputs, start, min(start + self._slots, count)) for start in starts]
        return ActionChunk(np.concatenate(calls))

    def _call(self, inputs: list[NDArray[Any]], start: int, end: int) -> NDArray[np.float32]:
        """Return the actions of some slots, the last of which is repeated to fill the call."""
        import torch

        index = np.minimum(range(start, start + self._rows), end - 1)
        # Indexing copies: observations may be read-only views of memory that workers write to.
        tensors = [torch.from_numpy(array[index]).to(self._device) for array in inputs]
        try:
            with torch.no_grad():
                actions = self._run(*tensors)
        except Exception as error:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise PolicyError(
                f"{self._name} failed on inputs of shape {shapes}: {_reason(error)}",
                "a program made for one batch size only needs --policy-arg batch=SIZE",
            ) from error
        return check_actions(actions, self._rows)[: end - start]


def check_device(device: str) -> str:
    """Return a device's name, if there is such a device.

    Raises:
        PolicyError: The name is malformed, or torch finds no such GPU.
    """
    import torch

    if not re.fullmatch(r"cpu|cuda(:\d+)?", device, re.ASCII):
        raise PolicyError(f"there is no device {device!r}", "give cpu, cuda or cuda:INDEX")
    found = torch.cuda.device_count() if device != "cpu" else 0
    if device != "cpu" and int(device.partition(":")[2] or 0) >= found:
        raise PolicyError(
            f"device {device!r} is not available: torch {torch.__version__} finds {found} GPUs",
            "leave device out to run on the CPU",
        )
    return device


class _Program(NamedTuple):
    run: Callable[..., Any]
    batch: int | None


def _load(path: Path, device: str) -> _Program:
    members = _check_archive(path)
    if exported.is_exported(members):
        load = _load_exported
    elif any(name.endswith("constants.pkl") for name in members):
        load = _load_script
    else:
        raise PolicyError(f"{path} holds no program: neither TorchScript nor torch.export", _PICKLE)
    try:
        return load(path, device)
    except PolicyError:
        raise
    except Exception as error:
        raise PolicyError(
            f"cannot load {path}: {_reason(error)}", "is the file complete?"
        ) from error


def _check_archive(path: Path) -> list[str]:
    """Return the names of the members; torch itself would run a program with damaged weights."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged, members = archive.testzip(), archive.namelist()
    except Exception as error:
        raise PolicyError(f"cannot read {path}: {error}", _NO_ARCHIVE) from error
    if damaged is not None:
        raise PolicyError(f"{path} is damaged: the checksum of {damaged} differs", "copy it again")
    return members


_NO_ARCHIVE = (
    "a complete TorchScript or torch.export file is a zip archive; old pickles are refused"
)
_PICKLE = (
    "torch.save stores weights or pickled modules, which can run code when loaded; "
    "use torch.export.save(torch.export.export(module, inputs), file)"
)


def _reason(error: Exception) -> str:
    """Return the line that says why; torch wraps it in C++ and TorchScript traces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    stated = [line for line in lines if line.split(":")[0].endswith("Error")]
    return (stated or lines or [type(error).__name__])[-1 if stated else 0][:300]


def _load_script(path: Path, device: str) -> _Program:
    import torch

    jit: Any = torch.jit  # only partly typed
    with tempfile.TemporaryFile() as copy, warnings.catch_warnings():
        scripted.copy_harmless(path, copy)
        scripted_weights.check_weights(copy, str(path))
        copy.seek(0)
        # torch 2.13 deprecates TorchScript; who has such a file wants it evaluated all the same.
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
        module = jit.load(copy, map_location=device).eval()
    scripted.check_graphs(module, str(path))

    def run(*tensors: Any) -> Any:
        # The profiling executor rewrites the program after two calls, which can change last bits.
        with jit.optimized_execution(False):
            return module(*tensors)

    return _Program(run, None)


def _load_exported(path: Path, device: str) -> _Program:
    import torch
    from torch.export.passes import move_to_device_pass

    with tempfile.TemporaryFile() as copy:
        exported.copy_harmless(path, copy)
        exported_weights.check_members(copy, str(path))
        copy.seek(0)
        program = torch.export.load(copy)
    exported_weights.check_weights(program, str(path))
    inputs = program.graph_signature.user_inputs
    if len(inputs) != len(TorchPolicy.observation_keys):
        raise PolicyError(
            f"{path} takes {len(inputs)} inputs, expected {len(TorchPolicy.observation_keys)}",
            f"in this order: {', '.join(TorchPolicy.observation_keys)}",
        )
    if device != "cpu":
        program = move_to_device_pass(program, device)
    placeholder = next(node for node in program.graph.nodes if node.name == inputs[0])
    batch = placeholder.meta["val"].shape[0]
    return _Program(program.module(), batch if isinstance(batch, int) else None)
