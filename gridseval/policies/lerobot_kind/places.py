"""Where a LeRobot checkpoint's files are: a folder, a training run's folder, or the hub."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any, NamedTuple

from gridseval.errors import PolicyError

_HUB_ID = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")

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
        folder = next((inner for inner in (path / "pretrained_model",) if inner.is_dir()), path)
        return Place(folder, None)
    match = _HUB_ID.fullmatch(name)
    if match is None:
        raise PolicyError(
            f"checkpoint {name} does not exist", "name a folder, or a hub's owner/name"
        )
    return _downloaded(name, match["id"], match["revision"])


def _downloaded(name: str, repository: str, revision: str | None) -> Place:
    hub: Any = importlib.import_module("huggingface_hub")  # comes with LeRobot
    errors = hub.errors
    try:
        folder = hub.snapshot_download(
            repository, revision=revision, allow_patterns=["*.json", "*.safetensors", "*.model"]
        )
    except errors.GatedRepoError as error:
        raise PolicyError(
            f"{name} is not open to everybody", "ask for access on its page, then: hf auth login"
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise PolicyError(
            f"neither a folder nor the hub has {name}", "if it is private: hf auth login"
        ) from error
    except Exception as error:  # httpx's, requests's, the hub's own: many for one reason
        reason = " ".join(str(error).split())[:200]
        raise PolicyError(
            f"there is no folder {name}, and the hub cannot be reached: "
            f"{type(error).__name__}: {reason}",
            "check the name and the network, or download it elsewhere: hf download OWNER/NAME",
        ) from error
    return Place(Path(folder), Path(folder).name)
