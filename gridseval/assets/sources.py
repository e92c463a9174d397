"""Where assets are published, and at which revision."""

from __future__ import annotations

from dataclasses import dataclass

from gridseval.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Source:
    """A dataset repository of the Hugging Face hub.

    Attributes:
        name: Its name on the command line.
        repository: Owner and name.
        revision: The commit whose assets runs compare on; another commit is another benchmark.
        archive: The only file to fetch, which is unpacked; ``None`` fetches all files.
        size_bytes: Approximate size of the transfer.
        needed_bytes: Approximate space on the disk while pulling.
        archive_sha256: Of the archive at that revision; empty without one.
    """

    name: str
    repository: str
    revision: str
    archive: str | None
    size_bytes: int
    needed_bytes: int
    archive_sha256: str = ""


LIBERO = Source(
    name="libero",
    repository="lerobot/libero-assets",
    revision="0b3ea86be5fe169d0fd036ae63d1070ec09e90f6",
    archive=None,
    size_bytes=422_000_000,
    needed_bytes=450_000_000,
)
"""What hf-libero 0.1.4 downloads by itself, at the commit that evaluations with it pin."""

LIBERO_PLUS = Source(
    name="libero-plus",
    repository="Sylvest/LIBERO-plus",
    revision="dd2bd61b7d9a6fef1abc52d606e983b41886a149",
    archive="assets.zip",
    size_bytes=6_396_000_000,
    needed_bytes=16_500_000_000,
    archive_sha256="96764a4bfbdaea98d4411598caeab235458318fe0f549611b93d1a323027b3cf",
)
"""LIBERO-Plus's distractors, scenes and textures: one archive of 449 thousand files, whose names
start with a folder of its author's machine."""

SOURCES = {source.name: source for source in (LIBERO, LIBERO_PLUS)}


def source_of(name: str) -> Source:
    """Return a source by name.

    Raises:
        UsageError: There is no such source; the hint names the nearest.
    """
    if name not in SOURCES:
        raise UsageError(f"there are no assets {name!r} to pull", did_you_mean(name, SOURCES))
    return SOURCES[name]
