"""Checkpoints on the Hugging Face hub, by ``owner/name`` or ``owner/name@revision``.

gridseval detects the kind from the list of files and the configuration before it fetches anything
large.
Then only what kinds read is fetched: never a pickle, except OpenVLA-OFT's small networks, which
are read without running code. huggingface_hub does the rest, so its cache, its login and its
variables count.
"""

from __future__ import annotations

import contextlib
import glob
import importlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shutil import copyfile
from typing import Any

from gridseval.errors import MachineError, PolicyError
from gridseval.hub_endpoint import hub_endpoint
from gridseval.policies.identity import is_read
from gridseval.run_names import MANIFEST

SCHEME = "hf://"

_ID = re.compile(r"(\w[\w.-]{0,95}/\w[\w.-]{0,95})(?:@([\w./-]{1,200}))?", re.ASCII)
_PROGRAMS = (".pt", ".pt2", ".pth", ".npy", ".py", ".yaml", ".json", ".hdf5", ".safetensors")
_MARK = ".gitattributes"
"""In every repository, and of no use to those that fetch single files."""

_CONFIGS = ("config.json", "adapter_config.json")
_ANSWER_S = 10.0
_MOST_FILES = 5000


@dataclass(frozen=True)
class HubId:
    """A model repository.

    Attributes:
        name: ``owner/name``.
        revision: A branch, tag or commit; ``None`` for the repository's default.
    """

    name: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.name if self.revision is None else f"{self.name}@{self.revision}"


@dataclass(frozen=True)
class Repository:
    """A repository at one commit.

    Attributes:
        id: What was asked for.
        commit: Its full hash.
        files: Names of all files, as the hub or its cache lists them.
        cached: The folder of the cache, where the hub could not be asked.
        note: What the user should know, or ``None``.
    """

    id: HubId
    commit: str
    files: tuple[str, ...]
    cached: Path | None = None
    note: str | None = None

    @property
    def origin(self) -> dict[str, str | None]:
        """What ``run.yaml`` says about it."""
        return {"repository": self.id.name, "revision": self.id.revision, "commit": self.commit}

    @contextlib.contextmanager
    def outline(self) -> Iterator[Path]:
        """Yield a folder with the repository's name and configurations; other files are empty.

        Raises:
            PolicyError: The configuration cannot be fetched.
        """
        names = self.files[:_MOST_FILES]
        configs = [n for n in names if _is_kept(n) and PurePosixPath(n).name in _CONFIGS]
        source = self._fetched(configs)
        with tempfile.TemporaryDirectory(prefix="gridseval-") as made:
            folder = Path(made) / self.id.name.partition("/")[2]
            for name in names:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                if name in configs:
                    copyfile(source / name, folder / name)
                else:
                    (folder / name).touch()
            yield folder

    def download(self, everything: bool = False) -> Path:
        """Return a folder with the repository's files, fetching those that the cache lacks.

        Args:
            everything: Whether to fetch all files, pickles included, for code of the user's.

        Raises:
            PolicyError: They cannot be fetched.
        """
        wanted = [name for name in self.files if everything or _is_kept(name)]
        # What tells that all has been fetched comes last.
        self._fetched([name for name in wanted if name != _MARK])
        return self._fetched(wanted)

    def _fetched(self, names: Iterable[str]) -> Path:
        wanted = list(names)
        folder = self._from_hub(wanted) if self.cached is None else self.cached
        lacking = [name for name in wanted if not (folder / name).is_file()]
        if lacking:
            raise PolicyError(
                f"the hub's cache lacks {lacking[0]} of {self.id}"
                + (f", and {len(lacking) - 1} more files" if len(lacking) > 1 else ""),
                f"fetch it where there is a network: hf download {self.id.name}",
            )
        return folder

    def _from_hub(self, names: list[str]) -> Path:
        patterns = [glob.escape(name) for name in names]

        def fetch(revision: str | None) -> Path:
            with _refusals(self.id):
                return Path(
                    _package().snapshot_download(
                        self.id.name, revision=revision, allow_patterns=patterns
                    )
                )

        try:
            folder = fetch(self.id.revision)  # by this name it is found again without a network
            # A branch may have moved on since its files were listed.
            return folder if folder.name == self.commit else fetch(self.commit)
        except _UnreachableError as error:
            raise PolicyError(
                f"{self.id} cannot be fetched from the hub: {error.message}",
                "run the same command again: it keeps what was downloaded",
            ) from error


def hub_id(checkpoint: str) -> HubId | None:
    """Return what a checkpoint names on the hub; ``None`` for what exists here or is a path.

    Raises:
        PolicyError: It starts with ``hf://`` and is not a hub id.
    """
    explicit = checkpoint.startswith(SCHEME)
    text = checkpoint.removeprefix(SCHEME)
    found = _ID.fullmatch(text)
    if explicit:
        if found is None:
            raise PolicyError(f"{checkpoint!r} is not a hub id", "write hf://owner/name[@revision]")
        return HubId(found[1], found[2])
    if found is None or found[1].lower().endswith(_PROGRAMS) or Path(checkpoint).exists():
        return None
    return HubId(found[1], found[2])


def look_up(hub: HubId) -> Repository:
    """Ask the hub which commit and files an id stands for; without an answer, ask its cache.

    Raises:
        PolicyError: huggingface_hub is missing, there is no such repository or revision, or it may
            not be read, or the hub does not answer and the cache does not have it whole.
    """
    package = _package()
    try:
        hub_endpoint()
    except MachineError as error:  # huggingface_hub's own words do not name the variable
        raise PolicyError(f"{hub} cannot be looked up: {error.message}", error.hint) from error
    try:
        with _refusals(hub):
            api = package.HfApi()
            info = api.model_info(hub.name, revision=hub.revision, timeout=_ANSWER_S)
    except _UnreachableError as error:
        return _cached(hub, package, str(error))
    names = (str(sibling.rfilename) for sibling in info.siblings or ())
    return Repository(hub, str(info.sha), tuple(name for name in names if _is_inside(name)))


class _UnreachableError(PolicyError):
    """The hub does not answer, or may not be asked."""


def _package() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise PolicyError(
            f"a checkpoint of the hub needs the package huggingface_hub: {error}",
            "pip install huggingface_hub",
        ) from error
    return huggingface_hub


@contextlib.contextmanager
def _refusals(hub: HubId) -> Iterator[None]:
    """Turn what huggingface_hub raises into one line."""
    utils: Any = importlib.import_module("huggingface_hub.utils")  # where all versions have them
    try:
        yield
    except utils.GatedRepoError as error:
        raise PolicyError(
            f"{hub.name} is gated: only users with access may download it",
            f"ask for access at https://huggingface.co/{hub.name}, then: hf auth login",
        ) from error
    except utils.RepositoryNotFoundError as error:
        raise PolicyError(
            f"checkpoint {hub} does not exist: no such path here, and the hub has no model "
            f"{hub.name}, or a private one",
            "check the name; for a private one: hf auth login",
        ) from error
    except utils.RevisionNotFoundError as error:
        raise PolicyError(
            f"{hub.name} has no revision {hub.revision!r}", "name a branch, a tag or a commit"
        ) from error
    except utils.HFValidationError as error:
        raise PolicyError(f"{hub.name!r} is not a hub id: {_line(error)}") from error
    except Exception as error:  # which HTTP library raises depends on huggingface_hub's version
        raise _UnreachableError(_line(error)) from error


def _cached(hub: HubId, package: Any, reason: str) -> Repository:
    """Return what the hub's cache has of a repository, if it is whole."""
    try:
        folder = Path(
            package.snapshot_download(hub.name, revision=hub.revision, local_files_only=True)
        )
    except Exception as error:
        incomplete = getattr(error, "snapshot_path", None)
        if incomplete is None:
            raise PolicyError(
                f"checkpoint {hub} is neither a path here nor in the hub's cache, and the hub "
                f"cannot be asked: {reason}",
                f"fetch it where there is a network: hf download {hub.name}",
            ) from error
        folder = Path(incomplete)
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    listed = _listed(hub, package, folder.name)
    if listed is None and _MARK not in present:
        # Other programs fetch single files: OpenVLA-OFT without its heads looks like OpenVLA.
        raise PolicyError(
            f"the hub's cache may have only a part of {hub}, and the hub cannot be asked: {reason}",
            f"fetch it where there is a network: hf download {hub.name}",
        )
    note = f"{hub} is taken from the hub's cache, commit {folder.name[:12]}: {reason}"
    return Repository(hub, folder.name, listed or tuple(sorted(present)), folder, note)


def _listed(hub: HubId, package: Any, commit: str) -> tuple[str, ...] | None:
    """Return the hub's list of files, which huggingface_hub keeps since its version 2."""
    try:
        tree = package.get_cached_repo_tree(hub.name, revision=commit)
    except Exception:  # an older version, or never listed
        return None
    return tuple(str(file.path) for file in tree if _is_inside(str(file.path)))


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and bool(path.parts)


def _is_kept(name: str) -> bool:
    return is_read(name) or name in (MANIFEST, _MARK)


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:299]}…"
