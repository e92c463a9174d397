"""Where a LeRobot checkpoint's files are: a folder, a training run's folder, or the hub."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gridseval.errors import PolicyError
from gridseval.policies.hub import hub_id, look_up
from gridseval.policies.identity import model_folder

ADAPTER = "adapter_config.json"


class Place(NamedTuple):
    """Where a checkpoint lies.

    Attributes:
        folder: Its files.
        revision: The hub's commit, or ``None`` for a folder.
    """

    folder: Path
    revision: str | None


def find_checkpoint(name: str) -> Place:
    """Return where a checkpoint lies, downloaded if need be.

    Args:
        name: A folder with ``config.json`` (or a training checkpoint's, with ``pretrained_model/``
            in it), or a hub id ``owner/name`` or ``owner/name@revision``.

    Raises:
        PolicyError: There is neither, or the hub cannot be reached.
    """
    path = Path(name)
    if path.exists():
        return Place(model_folder(path), None)
    named = hub_id(name)
    if named is None:
        raise PolicyError(
            f"checkpoint {name} does not exist", "name a folder, or a hub's owner/name"
        )
    repository = look_up(named)
    return Place(repository.download(), repository.commit)
