"""What a map says in a page: rates by group, and the lists that a person should look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from gridseval.results.tables.document import MISSING, Document, Section
from gridseval.results.tables.markup import as_markdown
from gridseval.results.tables.text import as_text
from gridseval.solvable.lists import task_lists
from gridseval.solvable.task_map import MapRow, TaskMap
from gridseval.suites import DIMENSIONS

_LISTED = 12
_NOT_PROOF = (
    "not solved: by this expert, in these attempts; another policy, or a person, may well solve it"
)


def map_document(maps: Sequence[TaskMap], whole: bool = True) -> Document:
    """Return the page of one or several maps.

    Args:
        maps: At least one.
        whole: Whether to list tasks, or only to count them.
    """
    rows = [row for each in maps for row in each.rows]
    trials = sorted({each.trials for each in maps})
    sections = [_by_suite(maps), *_by_stratum(rows), _by_reason(rows)]
    if whole:
        sections += task_lists(rows)
    return Document(
        title=f"What the scripted expert solves: {', '.join(each.suite for each in maps)}",
        sections=tuple(section for section in sections if section.rows),
        notes=tuple(_notes(maps, rows, trials)),
    )


def map_markdown(maps: Sequence[TaskMap], whole: bool = True) -> str:
    """Return the page as Markdown."""
    return as_markdown(map_document(maps, whole))


def map_text(maps: Sequence[TaskMap]) -> str:
    """Return the numbers as text for a terminal of 80 columns."""
    return as_text(map_document(maps, whole=False))


def _by_suite(maps: Sequence[TaskMap]) -> Section:
    named = {each.suite: each.rows for each in maps}
    rows = [(name, *_counts(part)) for name, part in named.items()]
    total = [row for part in named.values() for row in part]
    if len(named) > 1:
        rows.append(("all", *_counts(total)))
    header = ("suite", "tasks", "mapped", "solved", "partly", "not solved", "lacks data", "success")
    return Section("By suite", header, tuple(rows), emphasised=int(len(named) > 1))


def _counts(rows: Sequence[MapRow]) -> tuple[str, ...]:
    states = Counter(row.state for row in rows)
    ran = [row for row in rows if row.attempts]
    numbers = (
        len(rows),
        len(ran),
        states["solved"],
        states["partly solved"],
        states["not solved"],
        states["lacks data"],
    )
    return (*map(str, numbers), _rate(ran))


def _rate(rows: Iterable[MapRow]) -> str:
    rows = list(rows)
    attempts = sum(row.attempts for row in rows)
    return f"{100 * sum(row.solved for row in rows) / attempts:.1f} %" if attempts else MISSING


def _by_stratum(rows: Sequence[MapRow]) -> Iterator[Section]:
    """Yield dimension × level: tasks solved of those mapped; nothing outside LIBERO-Plus."""
    of_plus = [row for row in rows if row.dimension]
    levels = sorted({row.level for row in of_plus}, key=lambda level: level or 99)
    found = []
    for dimension in (*DIMENSIONS, "all"):
        mine = [row for row in of_plus if dimension in (row.dimension, "all")]
        cells = [_share(row for row in mine if row.level == level) for level in levels]
        if mine:
            found.append((dimension, *cells, _share(mine)))
    names = ["no level" if level is None else f"level {level}" for level in levels]
    title = "LIBERO-Plus: tasks solved of tasks mapped, by dimension and level"
    yield Section(title, ("dimension", *names, "all"), tuple(found), emphasised=1)


def _share(rows: Iterable[MapRow]) -> str:
    ran = [row for row in rows if row.attempts]
    return f"{sum(row.state == 'solved' for row in ran)}/{len(ran)}" if ran else MISSING


def _by_reason(rows: Sequence[MapRow]) -> Section:
    tasks: Counter[str] = Counter()
    episodes: Counter[str] = Counter()
    for row in rows:
        kinds = Counter[str]()
        for reason, number in row.reasons.items():
            kinds[_kind(reason)] += number
        tasks.update(kinds.keys())
        if row.same_as is None:  # of tasks that are the same, only one has episodes
            episodes.update(kinds)
    cells = [(name, str(tasks[name]), str(n)) for name, n in episodes.most_common()]
    header = ("reason", "tasks", "episodes run")
    return Section("Why the expert did not solve an episode", header, tuple(cells))


def _kind(reason: str) -> str:
    return reason.partition(":")[0].partition(" by ")[0]


def _notes(maps: Sequence[TaskMap], rows: Sequence[MapRow], trials: Sequence[int]) -> Iterator[str]:
    experts = sorted({each.expert[:12] for each in maps})
    assets = sorted({each.assets for each in maps if each.assets})
    yield (
        f"expert {', '.join(experts)}; assets {', '.join(assets) or 'unknown'}; attempts per task: "
        f"{', '.join(map(str, trials))}"
    )
    twins = sum(row.same_as is not None for row in rows)
    if twins:
        yield (
            f"{twins} of {len(rows)} tasks differ from another one only in what the expert does "
            "not see (camera, words, noise, light, texture): that one's episodes stand for them"
        )
    errors = sum(row.state == "error" and row.same_as is None for row in rows)
    if errors:
        yield f"{errors} tasks have episodes that ended in an error: --retry-errors reruns them"
    if any(row.unsolved for row in rows):
        yield _NOT_PROOF
