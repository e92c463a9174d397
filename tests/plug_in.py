"""Packages with entry points, as an installation would leave them on the path."""

from __future__ import annotations

from pathlib import Path


def write_distribution(
    site: Path, entry_points: str, name: str = "plug", version: str = "1.0"
) -> None:
    """Make a folder look like one into which a package was installed.

    Args:
        site: The folder; a test puts it on the path.
        entry_points: The content of ``entry_points.txt``.
        name: The package's.
        version: The package's.
    """
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(metadata, "utf8")
    (info / "entry_points.txt").write_text(entry_points, "utf8")
