"""Policies stored as one file: TorchScript, or a program exported with ``torch.export``.

Both are programs, not pickles, and neither is trusted: TorchScript runs in an interpreter of its
own that knows no Python, exported files are read by ``exported.py``, and pickled modules are
refused unread.
"""

from __future__ import annotations

import tempfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError
from gridseval.policies.exported import copy_harmless, is_exported
from gridseval.policies.protocol import ActionChunk, Observations, at_least, check_actions

if TYPE_CHECKING:
    from gridseval.suites import Episode


class TorchPolicy:
    """Runs a TorchScript or ``torch.export`` file on the CPU.

    The program takes, by position, agentview uint8 (B, 256, 256, 3), wrist uint8 (B, 256, 256, 3)
    and state float32 (B, 8), as the observations have them, and returns floating-point actions (B,
    H, 7) in gridseval's convention. Resizing, normalisation and gripper sign belong into the
    program.

    Args:
        checkpoint: The file, of any name.
        batch: The batch size that the program is called with; ``None`` takes it from an exported
            program with a fixed one, else whatever is asked for. With ``batch=1`` an episode's
            actions do not depend on how many others run beside it, not even in the last bit.

    Raises:
        PolicyError: The file is damaged, no program, or might run code when it is loaded.
    """

    observation_keys = ("agentview", "wrist", "state")

    def __init__(self, checkpoint: str, batch: int | None = None) -> None:
        program = _load(Path(checkpoint))
        self._run = program.run
        self._batch = program.batch if batch is None else at_least(1, "batch", batch)
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
        size = self._batch or count
        calls = [self._call(inputs, range(start, start + size)) for start in range(0, count, size)]
        return ActionChunk(np.concatenate(calls)[:count])

    def _call(self, inputs: list[NDArray[Any]], rows: range) -> NDArray[np.float32]:
        """Run the program on some rows of the batch; rows past its end repeat the last one."""
        import torch

        index = np.minimum(rows, len(inputs[0]) - 1)
        # Indexing copies: observations may be read-only views of memory that workers write to.
        tensors = [torch.from_numpy(array[index]) for array in inputs]
        try:
            with torch.no_grad():
                actions = self._run(*tensors)
        except Exception as error:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise PolicyError(
                f"{self._name} failed on inputs of shape {shapes}: {_reason(error)}",
                "a program made for one batch size only needs --policy-arg batch=SIZE",
            ) from error
        return check_actions(actions, len(rows))


class _Program(NamedTuple):
    run: Callable[..., Any]
    batch: int | None


def _load(path: Path) -> _Program:
    members = _check_archive(path)
    if is_exported(members):
        load = _load_exported
    elif any(name.endswith("constants.pkl") for name in members):
        load = _load_script
    else:
        raise PolicyError(f"{path} holds no program: neither TorchScript nor torch.export", _PICKLE)
    try:
        return load(path)
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


def _load_script(path: Path) -> _Program:
    import torch

    jit: Any = torch.jit  # only partly typed
    with warnings.catch_warnings():
        # torch 2.13 deprecates TorchScript; who has such a file wants it evaluated all the same.
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
        module = jit.load(str(path), map_location="cpu").eval()

    def run(*tensors: Any) -> Any:
        # The profiling executor rewrites the program after two calls, which can change last bits.
        with jit.optimized_execution(False):
            return module(*tensors)

    return _Program(run, None)


def _load_exported(path: Path) -> _Program:
    import torch

    with tempfile.TemporaryFile() as copy:
        copy_harmless(path, copy)
        copy.seek(0)
        exported = torch.export.load(copy)
    inputs = exported.graph_signature.user_inputs
    if len(inputs) != len(TorchPolicy.observation_keys):
        raise PolicyError(
            f"{path} takes {len(inputs)} inputs, expected {len(TorchPolicy.observation_keys)}",
            f"in this order: {', '.join(TorchPolicy.observation_keys)}",
        )
    placeholder = next(node for node in exported.graph.nodes if node.name == inputs[0])
    batch = placeholder.meta["val"].shape[0]
    return _Program(exported.module(), batch if isinstance(batch, int) else None)
