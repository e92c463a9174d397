"""The manifests of LIBERO-Plus against published counts, and against upstream's own list."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from gridseval.errors import MachineError, UsageError
from gridseval.suites import (
    DIMENSIONS,
    PlusFolder,
    Selection,
    Suite,
    Variant,
    count_strata,
    instruct,
    instruction_of,
    load_suite,
    missing,
    reasons,
    split_available,
)
from gridseval.suites.plus_manifest import variant_of, yaml_text
from gridseval.suites.variant_text import read_variants, write_variants

SUITES = ("spatial", "object", "goal", "10")
NOTHING = PlusFolder(None)

# Levels 1 to 5 and, for goal's light, none: the table of the facts.
COUNTS = {
    "background": ("99 87 55 16 1", "76 59 82 26 5", "34 69 73 60 45", "24 56 53 61 95"),
    "camera": ("67 133 114 40 22", "63 71 58 58 146", "53 109 98 72 76", "16 47 55 58 243"),
    "language": ("115 100 58 82 35", "103 67 72 63 49", "45 49 52 79 185", "65 64 77 104 73"),
    "light": ("52 104 92 38 6", "2 9 71 110 105", "46 49 28 21 14 121", "11 35 53 73 102"),
    "layout": ("6 40 141 153 45", "76 78 63 33 153", "116 110 60 51 88", "150 74 65 20 3"),
    "robot": ("90 69 75 46 70", "50 70 90 87 101", "44 76 109 69 111", "64 77 100 83 69"),
    "noise": ("51 136 95 57 12", "40 157 71 104 50", "59 110 53 98 59", "27 97 81 124 120"),
}
TOTALS = {"spatial": 2402, "object": 2518, "goal": 2591, "10": 2519}
UPSTREAM = {
    "Background Textures": "background",
    "Camera Viewpoints": "camera",
    "Language Instructions": "language",
    "Light Conditions": "light",
    "Objects Layout": "layout",
    "Robot Initial States": "robot",
    "Sensor Noise": "noise",
}


def suite_of(name: str) -> Suite:
    return load_suite(f"libero_plus_{name}")


def data() -> Path:
    return Path(os.environ["GRIDSEVAL_LIBERO_PLUS"])


@pytest.mark.parametrize("name", SUITES)
def test_counts_are_the_published_ones(name: str) -> None:
    suite = suite_of(name)
    assert len(suite.tasks) == TOTALS[name]
    assert suite.trials == 1
    assert suite.max_steps == load_suite(f"libero_{name}").max_steps
    counted = count_strata(suite.tasks)
    assert tuple(counted) == DIMENSIONS
    for dimension, rows in COUNTS.items():
        levels = ("1", "2", "3", "4", "5", "none")
        numbers = rows[SUITES.index(name)].split()
        assert counted[dimension] == dict(zip(levels, map(int, numbers), strict=False))


@pytest.mark.parametrize("name", SUITES)
def test_every_name_says_its_dimension_and_its_base_task(name: str) -> None:
    base = {task.name: task.instruction for task in load_suite(f"libero_{name}").tasks}
    for task in suite_of(name).tasks:
        assert task.variant is not None
        stem, sign, rest = task.name.partition(task.variant.base)
        assert (stem, sign) == ("", task.variant.base)
        assert task.variant.base in base
        assert task.instruction == base[task.variant.base]
        assert dimension_in(rest) == task.variant.dimension


def dimension_in(suffix: str) -> str:
    """Tell a dimension from a name, by other rules than the product's."""
    for word, dimension in (
        ("_noise_", "noise"),
        ("_language_", "language"),
        ("_light_", "light"),
        ("_table_", "background"),
        ("_tb_", "background"),
        ("_add_", "layout"),
        ("level", "layout"),
    ):
        if word in suffix:
            return dimension
    return "camera" if suffix.endswith("_initstate_0") else "robot"


@pytest.mark.parametrize("name", SUITES)
def test_text_of_variants_round_trips(name: str) -> None:
    suite = suite_of(name)
    variants = [task.variant for task in suite.tasks if task.variant]
    bases = [task.name for task in load_suite(f"libero_{name}").tasks]
    text = write_variants(variants, bases)
    assert list(read_variants(text, f"libero_{name}", bases)) == variants
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9 view 0_0_115_0_0:2", "'9' is not a task of libero_x"),
        ("0 vieuw 0:2", "no kind 'vieuw'"),
        ("0 view 0_0_115:2", "view has 5 parameters, not 3"),
        ("0 noise 3:7", "'3:7' is not of the form"),
        ("0 noise", None),
    ],
)
def test_broken_text_is_refused(text: str, expected: str | None) -> None:
    if expected is None:
        assert list(read_variants(text, "libero_x", ["a"])) == []
        return
    with pytest.raises(ValueError, match=re.escape(expected)):
        list(read_variants(text, "libero_x", ["a"]))


@pytest.mark.libero_plus
@pytest.mark.parametrize("name", SUITES)
def test_manifest_is_upstreams_list_in_upstreams_order(name: str) -> None:
    listed = json.loads((data() / "benchmark" / "task_classification.json").read_text())
    entries = sorted(listed[f"libero_{name}"], key=lambda entry: entry["id"])
    suite = suite_of(name)
    assert [task.name for task in suite.tasks] == [entry["name"] for entry in entries]
    variants = [task.variant for task in suite.tasks if task.variant]
    assert [v.level for v in variants] == [entry["difficulty_level"] for entry in entries]
    assert [v.dimension for v in variants] == [UPSTREAM[entry["category"]] for entry in entries]


@pytest.mark.libero_plus
def test_shipped_file_is_what_the_tool_makes() -> None:
    base, suite = load_suite("libero_goal"), suite_of("goal")
    variants = [variant_of(base, t.name, t.variant.level, data()) for t in suite.tasks if t.variant]
    shipped = Path(__file__).parents[2] / "suites" / "libero_plus_goal.yaml"
    assert yaml_text(base, variants) == shipped.read_text(encoding="utf8")
    with pytest.raises(ValueError, match="is not the name of a task"):
        variant_of(base, "put_the_bowl_on_the_stove_view_0_0_100", 1, data())


@pytest.mark.libero_plus
def test_7045_tasks_need_no_assets() -> None:
    folder = PlusFolder.find(data())
    found: Counter[str] = Counter()
    for name in SUITES:
        available, lacking = split_available(suite_of(name).tasks, folder)
        found.update(task.variant.dimension for task in available if task.variant)
        assert len(available) + len(lacking) == TOTALS[name]
        assert all("gridseval assets pull libero-plus" in lack.where for lack in lacking)
    expected = {"camera": 1599, "robot": 1550, "language": 1537, "noise": 1601, "layout": 696}
    assert found == {**expected, "background": 62}
    assert sum(found.values()) == 7045


def test_without_any_folder_camera_robot_noise_and_own_floors_remain() -> None:
    available, lacking = split_available(suite_of("object").tasks, NOTHING)
    counts = {key: sum(row.values()) for key, row in count_strata(available).items()}
    assert counts == {"camera": 396, "robot": 398, "noise": 422, "background": 62}
    said = reasons(lacking)
    assert set(said) == {"language", "light", "background", "layout"}
    assert said["language"].startswith("354 tasks lack files, such as bddl_files/libero_object/")
    assert "git clone https://github.com/sylvestf/LIBERO-plus" in said["language"]
    assert "gridseval assets pull libero-plus" in said["light"]


@pytest.mark.libero_plus
def test_prompts() -> None:
    suite, folder = suite_of("goal"), PlusFolder.find(data())
    base, upstream = instruct(suite, folder), instruct(suite, folder, "upstream")
    for plain, told, longer in zip(suite.tasks, base.tasks, upstream.tasks, strict=True):
        assert plain.variant is not None
        if plain.variant.dimension == "language":
            path = data() / "bddl_files" / "libero_goal" / f"{plain.name.split('_view_')[0]}.bddl"
            written = re.search(r"\(:language (.*)\)\n", path.read_text())
            assert written is not None
            assert told.instruction == longer.instruction == " ".join(written[1].lower().split())
        else:
            assert told.instruction == plain.instruction
            assert longer.instruction == instruction_of(plain.name)
    light = upstream.task("turn_on_the_stove_light_39")
    assert light.instruction == "turn on the stove light 39"
    assert instruct(load_suite("libero_goal"), folder, "upstream") == load_suite("libero_goal")


def with_assets(folder: Path) -> Path:
    """Make a folder of LIBERO-Plus with a few files of each sort."""
    for name in ("libero_spatial", "libero_object", "libero_goal", "libero_10"):
        (folder / "bddl_files" / name).mkdir(parents=True)
        (folder / "init_files" / "libero_newobj" / name).mkdir(parents=True)
    for name in ("scenes/lights", "textures", "new_objects/can_of_soda/abcdef/usd/MJCF"):
        (folder / "assets" / name).mkdir(parents=True)
    return folder


def first(name: str, kind: str, scene: str = "") -> Variant:
    variants = (task.variant for task in suite_of(name).tasks)
    return next(v for v in variants if v and v.kind == kind and scene in v.scene)


def test_what_is_unpacked_becomes_available(tmp_path: Path) -> None:
    root = with_assets(tmp_path)
    folder = PlusFolder.find(tmp_path)
    suite = suite_of("goal")
    light, table = first("goal", "light"), first("goal", "table")
    lacking = missing(suite.task(light.name), folder)
    assert lacking is not None
    assert lacking.what.startswith("assets/scenes/lights/tabletop_light_sync_modified_")
    (root / lacking.what).write_text("<mujoco/>")
    (root / "assets" / "scenes" / f"tabletop_table_{table.scene}.xml").write_text("<mujoco/>")
    folder = PlusFolder.find(tmp_path)
    assert missing(suite.task(light.name), folder) is None
    assert missing(suite.task(table.name), folder) is None
    floor = first("object", "table", "CarbonFiber001_COL_6K")
    task = suite_of("object").task(floor.name)
    assert missing(task, folder) is not None
    (root / "assets" / "textures" / "CarbonFiber001_COL_6K.png").write_bytes(b"png")
    assert missing(task, PlusFolder.find(tmp_path)) is None


BACKGROUNDS = {
    # The start of a scene as the manifest has it, and the files that upstream shows for it.
    ("object", "tb", "cliffde_ao"): ("textures/CliffDesert006_AO_HIRES.png",),
    ("object", "tb", "cobble01_ao"): ("textures/Cobblestone01_AO_6K.png",),
    ("object", "tb", "brick_disp"): ("textures/Bricks02_DISP_6K.png",),
    ("object", "tb", "dark+cream"): ("textures/cream_plaster.png",),
    ("object", "table", "marble_gloss"): ("textures/Marble01_GLOSS_3K.png",),
    ("object", "table", "FabricWool001_DISP_HIRES"): ("textures/FabricWool001_DISP_HIRES.png",),
    ("goal", "tb", "+canvas"): ("scenes/tabletop_table_{table}.xml",),
    ("goal", "tb", "+cream"): ("scenes/tabletop_table_{table}.xml", "textures/cream_plaster.png"),
    ("10", "tb", "+canvas"): ("scenes/study_table_{table}.xml",),
    ("10", "tb", "+Bricks02_NRM_6K"): ("scenes/kitchenxml/{room}_table_{table}_bg_{wall}.xml",),
}


@pytest.mark.parametrize(("suite", "kind", "scene"), BACKGROUNDS)
def test_backgrounds_need_the_files_that_upstream_shows(
    tmp_path: Path, suite: str, kind: str, scene: str
) -> None:
    root = with_assets(tmp_path)
    variant = first(suite, kind, scene)
    task = suite_of(suite).task(variant.name)
    table, _, wall = variant.scene.partition("+")
    room = "kitchen" if "KITCHEN" in variant.base else "liv"
    for named in BACKGROUNDS[suite, kind, scene]:
        assert missing(task, PlusFolder.find(root)) is not None
        path = root / "assets" / named.format(table=table, wall=wall, room=room)
        path.parent.mkdir(exist_ok=True)
        path.write_text("<mujoco/>")
    assert missing(task, PlusFolder.find(root)) is None


@pytest.mark.parametrize("scene", ["gray", "gray+gray_plaster", "dark+canvas"])
def test_floors_of_libero_need_no_file(scene: str) -> None:
    found = [
        task
        for task in suite_of("object").tasks
        if task.variant and task.variant.dimension == "background" and task.variant.scene == scene
    ]
    assert found
    assert all(missing(task, NOTHING) is None for task in found)


def problem(sections: str) -> str:
    """Return the text of a BDDL file."""
    return f"(define (problem x) (:domain robosuite) {sections} (:goal (on a b)))"


def test_added_objects_are_looked_up_by_their_number(tmp_path: Path) -> None:
    root = with_assets(tmp_path)
    added = first("goal", "add")
    bddl = root / "bddl_files" / "libero_goal" / f"{added.name}.bddl"
    bddl.write_text(problem("(:objects plate_1 - plate can_of_soda__1_1 - can_of_soda__1)"))
    states = root / "init_files" / "libero_newobj" / "libero_goal" / f"{added.name}.pruned_init"
    states.write_bytes(b"states")
    task, model = suite_of("goal").task(added.name), root / "assets" / "new_objects" / "can_of_soda"
    lacking = missing(task, PlusFolder.find(root))
    assert lacking is not None
    assert lacking.what == "assets/new_objects/can_of_soda"
    (model / "abcdef" / "usd" / "MJCF" / "abcdef.xml").write_text("<mujoco/>")
    folder = PlusFolder.find(root)
    assert missing(task, folder) is None
    assert folder.object_file("can_of_soda__1") == model / "abcdef/usd/MJCF/abcdef.xml"
    assert folder.object_file("can_of_soda__2") is None


def test_an_empty_file_counts_as_missing(tmp_path: Path) -> None:
    root = with_assets(tmp_path)
    told = first("10", "language")
    task = suite_of("10").task(told.name)
    path = root / "bddl_files" / "libero_10" / f"{told.file_stem}.bddl"
    path.touch()
    lacking = missing(task, PlusFolder.find(root))
    assert lacking is not None
    assert lacking.what == str(path.relative_to(root))
    path.write_text(problem("\n (:language Pick it  UP) ; (:language no)\n"))
    folder = PlusFolder.find(root)
    assert missing(task, folder) is None
    assert folder.instruction(told) == "pick it up"
    path.write_text(problem(""))
    with pytest.raises(MachineError, match=r"holds no instruction.*clone"):
        folder.instruction(told)


def test_a_clone_is_found_from_its_top(tmp_path: Path) -> None:
    inside = tmp_path / "libero" / "libero"
    inside.mkdir(parents=True)
    with_assets(inside)
    assert PlusFolder.find(tmp_path).root == inside
    assert PlusFolder.find(tmp_path / "libero").root == inside
    assert PlusFolder.find(tmp_path).assets == inside / "assets"


def test_folders_that_are_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"does not exist.*clone"):
        PlusFolder.find(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"holds no bddl_files.*libero/libero of a clone"):
        PlusFolder.find(tmp_path)
    with_assets(tmp_path / "half")
    shutil.rmtree(tmp_path / "half" / "init_files" / "libero_newobj" / "libero_goal")
    monkeypatch.setenv("GRIDSEVAL_LIBERO_PLUS", str(tmp_path / "half"))
    with pytest.raises(UsageError, match=r"only a part.*libero_newobj/libero_goal is missing"):
        PlusFolder.find()
    monkeypatch.delenv("GRIDSEVAL_LIBERO_PLUS")
    assert PlusFolder.find() == NOTHING


def test_a_typo_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'turn_on_the_stove_light_39"):
        suite_of("goal").task("turn_on_the_stove_lihgt_39")


def test_selection_by_dimension_and_level() -> None:
    suite = suite_of("goal")
    chosen = Selection(dimension="camera, light", level="1,4-5,none").of(suite)
    strata = {(t.variant.dimension, t.variant.level) for t in chosen if t.variant}
    levels = {("camera", level) for level in (1, 4, 5)} | {("light", n) for n in (1, 4, 5, None)}
    assert strata == levels
    assert len(chosen) == 53 + 72 + 76 + 46 + 21 + 14 + 121
    assert Selection(tasks="0-9", dimension="background").of(suite) == suite.tasks[:10]
    assert Selection().of(suite) == suite.tasks


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(dimension="camra"), "no dimension 'camra'.*did you mean 'camera'"),
        (Selection(dimension="camera,"), "no dimension ''"),
        (Selection(level="9"), "no level 9.*did you mean 5"),
        (Selection(level="0"), "no level 0.*did you mean 1"),
        (Selection(level="hard"), "'hard' is not a level"),
        (Selection(level="5-3"), "runs backwards.*write 3-5"),
        (Selection(sample=0), "sample of 0 from 2591"),
        (Selection(sample=2592), "choose 1 to 2591"),
        (Selection(tasks="0", dimension="robot"), "no task of libero_plus_goal fits"),
    ],
)
def test_bad_selections_are_refused(selection: Selection, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        selection.of(suite_of("goal"))


def test_dimensions_are_for_libero_plus_only() -> None:
    with pytest.raises(UsageError, match=r"--level and --sample is for.*libero_plus_goal"):
        Selection(level="3", sample=2).of(load_suite("libero_goal"))


@pytest.mark.parametrize("number", [1, 7, 36, 100, 700, 2591])
def test_a_sample_is_stratified(number: int) -> None:
    suite = suite_of("goal")
    drawn = Selection(sample=number).of(suite)
    assert len(drawn) == len(set(drawn)) == number
    assert [task.index for task in drawn] == sorted(task.index for task in drawn)
    whole = Counter((t.variant.dimension, t.variant.level) for t in suite.tasks if t.variant)
    part = Counter((t.variant.dimension, t.variant.level) for t in drawn if t.variant)
    assert (len(part) == len(whole)) == (number >= len(whole))
    for stratum, size in whole.items():
        # Each stratum's share, rounded; small ones may have one more, at the cost of others.
        assert abs(part[stratum] - number * size / 2591) < 2
        if number >= len(whole):
            assert part[stratum] >= 1


def test_a_sample_is_the_same_everywhere() -> None:
    """Fixed here once and for all: other machines and versions must draw the same."""
    drawn = Selection(sample=8).of(suite_of("goal"))
    assert [task.index for task in drawn] == [499, 688, 991, 1266, 1754, 1889, 1995, 2370]
