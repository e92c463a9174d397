"""``gridseval gallery``."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from gridseval.cli import main


def gallery(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["gallery", *words])
    code = ended.value.code
    assert isinstance(code, int)
    return code


def test_a_sheet_is_drawn(assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "sheet.jpg"
    words = ("--suite", "libero_object", "--perturb", "background", "--assets", str(assets))
    assert gallery(*words, "--perturb", "robot_true", "--out", str(out)) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(out)
    assert "the perturbation robot_true is called perturbed_start now" in said.err
    with Image.open(out) as image:
        assert image.width > 5 * 2 * 128
        colours = image.getcolors(maxcolors=2**24)
        assert colours is not None
        assert len(colours) > 2000  # pictures, not an empty sheet


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--out", "sheet.txt"), ("sheet.txt", ".png")),
        (("--suite", "libero_plus_gaol"), ("libero_plus_gaol", "libero_plus_goal")),
        (("--suite", "libero_10", "--perturb", "cam"), ("cam", "camera")),
        (
            ("--suite", "libero_10", "--perturb", "camera:3"),
            ("takes no 'camera:3'", "name the kind alone: camera"),
        ),
        (("--libero-plus", "/nowhere"), ("/nowhere",)),
    ],
)
def test_wrong_arguments_say_what_is_right(
    words: tuple[str, ...], names: tuple[str, ...], assets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gallery("--assets", str(assets), *words) == 2
    shown = capsys.readouterr().err
    for name in names:
        assert name in shown


def test_pictures_start_as_runs_do() -> None:
    """The seeds that gallery and bench have by default are the canonical protocol's."""
    from gridseval.bench.plus import PlusPlan
    from gridseval.cli import bench, gallery
    from gridseval.envs.config import EnvConfig
    from gridseval.pictures.gallery import Gallery
    from gridseval.suites import DEFAULT_PROTOCOL, load_protocol

    seed = load_protocol(DEFAULT_PROTOCOL).env_seed
    options = [
        option.default
        for module in (bench, gallery)
        for option in module.command.params
        if option.name == "seed"
    ]
    configured = [Gallery("libero_goal").seed, PlusPlan().seed, EnvConfig("libero_goal").seed]
    assert [*options, *configured] == [seed] * 5
