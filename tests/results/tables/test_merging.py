"""Which directories become one run, and which runs are refused in one table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_files import MANIFEST, write_run

from gridseval.errors import UsageError
from gridseval.results import EpisodeRecord
from gridseval.results.run.notes import kind_of
from gridseval.results.run.protocols import protocol_notes
from gridseval.results.run.published import published_rows
from gridseval.results.run.reading import Run, read_run
from gridseval.results.tables.merging import arrange_runs
from gridseval.results.tables.several_runs import table_text, tabulate

MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path, make_record: Callable[..., EpisodeRecord]) -> MakeRun:
    def make(
        name: str,
        trials: range = range(3),
        suite: str = "libero_goal",
        seed: int = 7,
        **changed: Any,
    ) -> Path:
        records = [
            make_record(
                "failure" if trial < seed - 7 else "success",
                task=0,
                trial=trial,
                suite=suite,
                seed=seed,
            )
            for trial in trials
        ]
        manifest = MANIFEST | {"suite": suite, "seed": seed} | changed
        return write_run(tmp_path / name, records, manifest)

    return make


def arranged(*named: object, **options: bool) -> tuple[Run, ...]:
    return arrange_runs([read_run(str(each)) for each in named], **options)


def notes_of(runs: tuple[Run, ...]) -> str:
    return "\n".join(note for run in runs for note in run.notes)


def test_a_run_and_its_repetition_stay_apart(make_run: MakeRun) -> None:
    runs = arranged(make_run("a"), make_run("b"))
    assert [(run.label, len(run.records)) for run in runs] == [("a", 3), ("b", 3)]


def test_a_part_of_a_run_that_adds_nothing_stays_apart(make_run: MakeRun) -> None:
    assert len(arranged(make_run("a"), make_run("b", range(2)))) == 2


def test_shards_are_merged(make_run: MakeRun) -> None:
    (run,) = arranged(
        make_run("a", range(3), workers=1),
        make_run("b", range(3, 5), workers=8, machine={"name": "other"}, started="then"),
    )
    assert [record.trial for record in run.records] == [0, 1, 2, 3, 4]
    assert (run.label, [path.name for path in run.paths]) == ("a", ["a", "b"])
    assert run.manifest["episodes"] == 10
    assert "a is put together from 2 directories" in run.notes


def test_parts_of_several_versions_are_merged_and_named(make_run: MakeRun) -> None:
    """So are the notes of all parts, not only the first one's."""
    old, new = ({"versions": MANIFEST["versions"] | {"gridseval": v}} for v in ("0.1.0", "0.2.0"))
    (run,) = arranged(
        make_run("a", range(3), **old), make_run("b", range(3, 5), notes=["stopped"], **new)
    )
    assert "parts of a were run by gridseval 0.1.0, 0.2.0" in run.notes
    assert "stopped" in table_text(tabulate([run]))


def test_the_suites_of_one_policy_are_one_run(make_run: MakeRun) -> None:
    (run,) = arranged(
        make_run("a"), make_run("b", suite="libero_10", max_steps=520, settle_steps=10)
    )
    assert run.suites == ("libero_10", "libero_goal")
    assert run.manifest["suite"] == "libero_10, libero_goal"
    assert run.manifest["episodes"] == 20
    assert run.manifest["suites"]["libero_10"]["max_steps"] == 520
    text = table_text(tabulate([run]))
    assert text.startswith("libero_10, libero_goal · oracle\n")


@pytest.mark.parametrize(
    "changed",
    [{"max_steps": 5}, {"seed": 8}, {"policy": {"name": "zero"}}, {"renderer": "egl: x"}],
)
def test_what_decides_outcomes_keeps_runs_apart(make_run: MakeRun, changed: dict[str, Any]) -> None:
    assert len(arranged(make_run("a"), make_run("b", range(3, 5), **changed))) == 2


def test_suites_that_lack_different_files_are_one_run(make_run: MakeRun) -> None:
    """Suites lack different tasks, for different reasons; each may have retried errors or not."""
    lacking = {"unavailable": {"light": {"1": 3}}, "unavailable_because": {"light": "no assets"}}
    first = make_run("a", suite="libero_plus_goal", retry_errors=True, **lacking)
    runs = arranged(first, make_run("b", suite="libero_plus_10", retry_errors=False))
    assert [len(run.records) for run in runs] == [6]


def test_runs_without_manifests_are_merged_only_by_name(
    tmp_path: Path, make_record: Callable[..., EpisodeRecord]
) -> None:
    paths = [
        write_run(tmp_path / name, [make_record(trial=trial)], manifest={})
        for trial, name in enumerate("ab")
    ]
    assert len(arranged(*paths)) == 2
    (run,) = arranged(*(f"x={path}" for path in paths))
    assert (run.label, len(run.records)) == ("x", 2)


def test_a_name_for_two_runs_that_are_not_one_is_refused(make_run: MakeRun) -> None:
    named = [f"x={make_run('a')}", f"x={make_run('b', max_steps=5)}"]
    with pytest.raises(UsageError, match="not of one run 'x':\n  max_steps: 300 -> 5"):
        arranged(*named)
    assert len(arranged(*named, force=True)) == 1


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"assets": {"identity": "stand-ins", "hash": "ff"}}, r"assets\.identity: 'libero' -> 'st"),
        (
            {"versions": {"mujoco": "3.4.0", "robosuite": "1.4.0"}},
            r"mujoco: '3\.3\.2' -> '3\.4\.0'",
        ),
    ],
)
def test_other_models_or_versions_are_refused_with_the_difference(
    make_run: MakeRun, changed: dict[str, Any], shown: str
) -> None:
    paths = make_run("a"), make_run("b", **changed)
    with pytest.raises(UsageError, match=shown) as caught:
        arranged(*paths)
    assert caught.value.hint is not None and "--force" in caught.value.hint
    runs = arranged(*paths, force=True)
    assert len(runs) == 2
    assert "b was not measured on what" in notes_of(runs)
    assert "was not measured on what" in " ".join(table_text(tabulate(runs)).split())


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
def test_other_files_of_one_suite_are_refused_in_any_order(
    make_run: MakeRun, order: tuple[int, ...]
) -> None:
    def kitchen(name: str) -> Path:
        files = {"path": "kitchen", "sha256": name * 32}
        return make_run(name, suite="kitchen", suite_files=files)

    paths = [make_run("plain"), kitchen("aa"), kitchen("bb")]
    given = [paths[each] for each in order]
    with pytest.raises(UsageError, match=r"suite_files\.sha256: 'a+' -> 'b+'"):
        arranged(*given)
    runs = arranged(*given, force=True)
    (note,) = (note for note in runs[0].notes if kind_of(note) == "measured on")
    assert note.startswith(f"{paths[2]} was not measured on what {paths[1]} was:\n")


def test_another_python_or_machine_is_not_refused(make_run: MakeRun) -> None:
    versions = MANIFEST["versions"] | {"python": "3.12.1"}
    assert len(arranged(make_run("a"), make_run("b", versions=versions))) == 2


def test_seeds_are_pooled_on_demand(make_run: MakeRun) -> None:
    paths = [make_run(f"seed{seed}", range(4), seed=seed) for seed in (7, 8, 9)]
    assert len(arranged(*paths)) == 3
    (run,) = arranged(*paths, pool=True)
    assert len(run.records) == 12
    # 4, 3 and 2 of 4 are solved.
    assert "pools the seeds 7, 8, 9: 75.0 ± 25.0 % (mean ± sd over seeds)" in notes_of((run,))
    assert "9/12" in table_text(tabulate([run]))


def test_liberos_seeds_are_not_pooled(make_run: MakeRun) -> None:
    """In libero_object it decides nothing: the same episodes would count twice."""
    first, second = make_run("a", suite="libero_object"), make_run("b", env_seed=5)
    third = make_run("c", suite="libero_object", env_seed=5)
    runs = arranged(first, third, pool=True)
    assert [len(run.records) for run in runs] == [3, 3]
    assert f"{first} and {third} stay apart, env_seed: 0 -> 5: --pool joins" in notes_of(runs)
    for options in ({"pool": False}, {"pool": True}):
        named = arranged(f"x={first}", f"y={third}", **options)
        assert "stay apart" not in notes_of(named)
    assert "stay apart" not in notes_of(arranged(first, third))
    with pytest.raises(UsageError, match=r"not of one run 'x':\n  env_seed: 0 -> 5"):
        arranged(f"x={first}", f"x={third}", pool=True)
    assert len(arranged(first, second, pool=True)) == 2


def test_forced_runs_are_pooled_on_demand_only(make_run: MakeRun) -> None:
    """Records that the merge drops are in no note: of run b's episodes, none is in the table."""
    named = [f"x={make_run('a', range(2))}", f"x={make_run('b', range(2), seed=8)}"]
    (run,) = arranged(*named, force=True)
    assert [record.seed for record in run.records] == [7, 7]
    assert "pools" not in notes_of((run,))
    assert "2 episodes of x were there twice" in notes_of((run,))


def test_episodes_that_are_there_twice_count_once_in_the_mean_over_seeds(
    make_run: MakeRun,
) -> None:
    """Of seed 8, trial 0 fails and 1 to 3 succeed; the shards overlap in trial 0."""
    shards = [make_run("b", range(2), seed=8), make_run("c", range(0, 4, 3), seed=8)]
    named = [f"x={path}" for path in (make_run("a", range(4)), *shards)]
    (run,) = arranged(*named, pool=True)
    assert "5/7" not in table_text(tabulate([run])) and "6/7" in table_text(tabulate([run]))
    assert "pools the seeds 7, 8: 83.3 ± 23.6 %" in notes_of((run,))


def test_the_same_seeds_twice_are_a_repetition(make_run: MakeRun) -> None:
    assert len(arranged(make_run("a", env_seed=1), make_run("b", env_seed=1), pool=True)) == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_parts_with_other_settings_show_all_of_them(
    make_run: MakeRun, order: tuple[int, int]
) -> None:
    """OpenVLA's rates have LIBERO's seed 0, which is the one of one part only."""
    paths = [make_run("a", range(2)), make_run("b", range(2, 4), seed=8, env_seed=5)]
    named = [f"x={paths[each]}" for each in order]
    (run,) = arranged(*named, pool=True, force=True)
    assert (run.manifest["seed"], run.manifest["env_seed"]) == ("7, 8", "0, 5")
    row = published_rows("OpenVLA-OFT")["libero_goal"]
    (note,) = protocol_notes({"x": run.manifest}, [row])
    assert "env_seed: 0, here 0, 5" in note


def test_pooling_keeps_other_policies_apart(make_run: MakeRun) -> None:
    runs = arranged(make_run("a"), make_run("b", seed=8, policy={"name": "zero"}), pool=True)
    assert len(runs) == 2


def test_labels_are_distinct(make_run: MakeRun, tmp_path: Path) -> None:
    first, second = make_run("x/run"), make_run("y/run", seed=8)
    assert [run.label for run in arranged(first, second)] == [str(first), str(second)]
    assert [run.label for run in arranged(f"old={first}", second)] == ["old", "run"]
    assert [run.label for run in arranged(first, first)] == [str(first), f"{first} (2)"]


def test_a_run_that_is_not_there_is_named(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("seed_7")
    with pytest.raises(UsageError, match=r"there is no run .*seed_8") as caught:
        read_run(tmp_path / "seed_8")
    assert caught.value.hint == "did you mean 'seed_7'?"
    with pytest.raises(UsageError, match=r"is not a run: it has no episodes\.jsonl"):
        read_run(tmp_path)
    with pytest.raises(UsageError, match="there is no run /nowhere/else"):
        read_run("x=/nowhere/else")


def test_the_file_of_episodes_names_its_run(make_run: MakeRun) -> None:
    path = make_run("a")
    assert read_run(path / "episodes.jsonl").label == "a"
