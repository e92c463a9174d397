"""Which ``libero``, ``robosuite`` and ``mujoco`` are imported, by content.

What pip says proves nothing: PYTHONPATH, a ``.pth`` file or an edit may put another checkout first.
Its goals, initial states, controllers and robot decide outcomes, so a run records their hashes.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from gridseval.envs.libero_package import package_root
from gridseval.errors import MachineError
from gridseval.versions import (
    MUJOCO_HINT,
    check_mujoco_version,
    imported_version,
    other_system,
    owner_of,
    package_folder,
    release_of,
)

KNOWN: Mapping[str, Mapping[str, str]] = {
    "libero": {
        "code": "ff3fcff0946b61bbb727bc2a712fabd79b5dfcd873d6d84e84f63f9f407a2949",
        "tasks": "74bee8430f298887fe7c0a81a69de68ca386de95377713406ed10ac961bd60a5",
        "initial_states": "92da0bae70c95e21b143bcdb5da02fe42fdd50e244c0bab09072b719e0a65e48",
    },
    "robosuite": {
        "code": "fe6c691524d3952172f629ff7be6f7c425629d732a06633dfaa6b20621828266",
        "controllers": "a91636cf89376bdc6f8fa655bfa9a3e95c69ecde578775bec02384d5b15a764a",
        "models": "a6032c871ee93417f12cae4dde758f7abca5da79e756fa645b10d3bc6aaccdbd",
    },
}
"""SHA-256 of each part in hf-libero 0.1.4 and robosuite 1.4.0, as :func:`part_hash` computes it."""

_CURES = {
    "libero": "pip install --force-reinstall --no-deps hf-libero==0.1.4",
    "robosuite": "pip install --force-reinstall --no-deps robosuite==1.4.0",
    "mujoco": MUJOCO_HINT,
}
_WANTED = {"libero": "hf-libero 0.1.4", "robosuite": "robosuite 1.4", "mujoco": "pip's mujoco"}
_NOT_SIMULATED = ("demos", "scripts", "devices")
_PRIVATE_MACROS = "macros_private.py"
_MODELS = ("base.xml", "robots/panda/robot.xml", "grippers/panda_gripper.xml", "mounts/*.xml")
_REFERENCE = re.compile(rb'file="([^"]+)"')


@dataclass(frozen=True)
class Package:
    """A package that simulates, as it is imported.

    Attributes:
        name: ``"libero"``, ``"robosuite"`` or ``"mujoco"``.
        folder: Where it is.
        version: Its version, ``None`` if it does not say.
        hashes: SHA-256 of each of its parts, hexadecimal.
        foreign: Why it is not what pip installs for gridseval, or ``None``.
    """

    name: str
    folder: Path
    version: str | None
    hashes: Mapping[str, str] = field(default_factory=dict)
    foreign: str | None = None

    @property
    def sentence(self) -> str:
        """Says what is imported, and why that is another simulator."""
        return f"{self.name} is imported from {self.folder}: {self.foreign}"

    @property
    def cure(self) -> str:
        """The next step."""
        return f"take it off PYTHONPATH, or {_CURES[self.name]}"


@dataclass(frozen=True)
class Simulator:
    """The packages that simulate.

    Attributes:
        packages: Those that are found.
        warnings: What the user should know.
    """

    packages: tuple[Package, ...]
    warnings: tuple[str, ...] = ()

    def manifest(self) -> dict[str, Any]:
        """Return what ``run.yaml`` says about it, of plain values."""
        told: dict[str, Any] = {each.name: dict(each.hashes) for each in self.packages}
        foreign = {each.name: each.sentence for each in self.packages if each.foreign}
        told = {name: hashes for name, hashes in told.items() if hashes}
        return {**told, **({"foreign": foreign} if foreign else {})}


def check_simulator(force: bool) -> Simulator:
    """Refuse packages that simulate something else than LIBERO, or warn of them.

    Args:
        force: Accept them; the run says so in its tables. MuJoCo 3.4 to 3.9, too.

    Raises:
        MachineError: One is missing; or one is foreign, or the system is, and ``force`` is not
            given.
    """
    elsewhere = other_system()
    if elsewhere is not None and not force:
        raise elsewhere
    packages = tuple(simulator_packages())
    foreign = [each for each in packages if each.foreign]
    if foreign and not force:
        raise MachineError(
            foreign[0].sentence, f"{foreign[0].cure}; or accept it with --force: tables will say so"
        )
    version = next(each.version for each in packages if each.name == "mujoco")
    warning = check_mujoco_version(version or "unknown", force)
    notes = tuple(each.sentence for each in foreign)
    return Simulator(packages, (*([warning] if warning else []), *notes))


def foreign_packages() -> tuple[Package, ...]:
    """Return the packages that are not what pip installs for gridseval."""
    try:
        return tuple(each for each in simulator_packages() if each.foreign)
    except MachineError:
        return ()


def simulator_packages() -> Iterator[Package]:
    """Yield libero, robosuite and mujoco as they are, or would be, imported; reads 50 MB.

    Raises:
        MachineError: One is not installed, or a file of it cannot be read.
    """
    yield _judged("libero", package_root().parent, _libero_parts(package_root()))
    robosuite = _folder("robosuite")
    yield _judged("robosuite", robosuite, _robosuite_parts(robosuite))
    yield _mujoco(_folder("mujoco"))


def part_hash(folder: Path, digests: Mapping[Path, bytes]) -> str:
    """Return the SHA-256 over names and contents of files, hexadecimal.

    Args:
        folder: What names are relative to.
        digests: Each file with the SHA-256 of its content.
    """
    total = hashlib.sha256()
    for path in sorted(digests, key=lambda each: each.relative_to(folder).as_posix()):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        total.update(digests[path])
    return total.hexdigest()


def _folder(name: str) -> Path:
    folder = package_folder(name)
    if folder is None:
        raise MachineError(f"the package {name!r} is not installed", _CURES[name])
    return folder


def _judged(name: str, folder: Path, parts: Mapping[str, Iterable[Path]]) -> Package:
    try:
        digests = {part: {file: _digest(file) for file in files} for part, files in parts.items()}
    except OSError as error:
        raise MachineError(f"the package {name!r} cannot be read: {error}", _CURES[name]) from error
    hashes = {part: part_hash(folder, found) for part, found in digests.items()}
    version = imported_version("hf-libero" if name == "libero" else name)
    differ = [part for part, found in hashes.items() if found != KNOWN[name][part]]
    if not differ or _as_installed(name, folder, digests):
        return Package(name, folder, version, hashes)
    what = " and ".join(part.replace("_", " ") for part in differ)
    said = f"version {version}, " if version else ""
    reason = f"{said}its {what} {'is' if differ == ['code'] else 'are'} not {_WANTED[name]}'s"
    return Package(name, folder, version, hashes, reason)


def _as_installed(name: str, folder: Path, digests: Mapping[str, Mapping[Path, bytes]]) -> bool:
    """Return whether the files are those of a supported release, as pip has recorded them."""
    owner = owner_of(folder, "hf-libero" if name == "libero" else name)
    if owner is None or not _supported(name, owner.version):
        return False
    recorded = _recorded(owner)
    return all(
        recorded.get(file.relative_to(folder.parent).as_posix()) == digest
        for found in digests.values()
        for file, digest in found.items()
    )


def _supported(name: str, version: str) -> bool:
    try:
        release = release_of(version)
    except ValueError:
        return False
    return name == "libero" or (1, 4) <= release < (1, 5)


def _recorded(owner: metadata.Distribution) -> dict[str, bytes]:
    """Return the SHA-256 of a distribution's files, as its RECORD says, by path."""
    return {
        file.as_posix(): base64.urlsafe_b64decode(f"{file.hash.value}==")
        for file in owner.files or ()
        if file.hash is not None and file.hash.mode == "sha256"
    }


def _libero_parts(root: Path) -> dict[str, list[Path]]:
    return {
        "code": [root / "__init__.py", *_below(root / "envs", ".py", ".xml")],
        "tasks": _below(root / "bddl_files", ".bddl"),
        "initial_states": _below(root / "init_files", ".pruned_init"),
    }


def _robosuite_parts(folder: Path) -> dict[str, list[Path]]:
    code = [
        path
        for path in _below(folder, ".py")
        if path.relative_to(folder).parts[0] not in _NOT_SIMULATED
    ]
    private = folder / _PRIVATE_MACROS
    if private in code and _changes_nothing(private, folder / "macros.py"):
        code.remove(private)  # robosuite's own script copies macros.py to it
    return {
        "code": code,
        "controllers": _below(folder / "controllers" / "config", ".json"),
        "models": _models(folder / "models" / "assets"),
    }


def _models(assets: Path) -> list[Path]:
    """Return the files of LIBERO's robot: XML, and the meshes and textures that it names."""
    scenes = sorted(path for pattern in _MODELS for path in assets.glob(pattern))
    named = {
        path
        for scene in scenes
        for name in _REFERENCE.findall(scene.read_bytes())
        if (path := scene.parent / name.decode(errors="replace")).is_file()
    }
    return sorted({*scenes, *named})


def _below(folder: Path, *endings: str) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in endings and path.is_file())


def _changes_nothing(private: Path, macros: Path) -> bool:
    """Return whether each statement of a file of macros is one of robosuite's own."""
    try:
        own, mine = (_statements(path) for path in (macros, private))
    except (OSError, SyntaxError, ValueError):
        return False
    return mine <= own


def _statements(path: Path) -> set[str]:
    return {ast.dump(node) for node in ast.parse(path.read_bytes()).body}


def _mujoco(folder: Path) -> Package:
    """Judge MuJoCo's library by pip's record: it differs between systems, so it has no known hash.

    A conda package or a build from source has no such record; it is taken for what it says it is.
    """
    version = imported_version("mujoco")
    libraries = sorted(folder.glob("libmujoco*"))
    owner = owner_of(folder, "mujoco")
    digests = {path: _digest(path) for path in libraries}
    recorded = {} if owner is None else _recorded(owner)
    names = {path: path.relative_to(folder.parent).as_posix() for path in libraries}
    if owner is not None and all(
        recorded.get(names[path], digest) == digest for path, digest in digests.items()
    ):
        return Package("mujoco", folder, version)
    hashes = {"library": part_hash(folder, digests)}
    reason = "it is not what pip installed" if owner is None else "its library was changed"
    return Package("mujoco", folder, version, hashes, reason)


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
