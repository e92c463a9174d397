"""What a run may be resumed with: the same settings, more episodes, or others that are named."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridseval.errors import OutputError
from gridseval.files import write_atomically
from gridseval.plain_files import plain_yaml
from gridseval.results.run.keys import ANYWAY, EXTENDS, OF_SUITE, is_below
from gridseval.results.run.manifest import (
    ABSENT,
    MIXED,
    flat_manifest,
    manifest_differences,
    manifest_yaml,
    mixed_values,
    read_manifest,
    shown_value,
    write_manifest,
)
from gridseval.results.run.protocols import is_before_protocols, with_protocol
from gridseval.results.run.same_content import says_what_it_serves
from gridseval.results.run.several_suites import SUITES, of_suite, suites_of

_ADDRESS = "policy.checkpoint"
_PLANNED = ("sequential", "collect", "solvable")
"""Keys of runs whose number of episodes is part of what they are: a test, a dataset, a map."""


@dataclass(frozen=True)
class Settled:
    """The manifest of a run that goes on.

    Attributes:
        manifest: As it is stored. Where free keys differ it has the values of the first start.
        mixed: The values of keys that the coming episodes have otherwise, by dotted key, in the
            order of use, for :data:`~gridseval.results.run.manifest.MIXED`; empty if there are
            none, or all are recorded.
        notes: What the user should know, one sentence each.
    """

    manifest: dict[str, Any]
    mixed: Mapping[str, tuple[Any, ...]]
    notes: tuple[str, ...]


def settle_manifest(
    path: Path,
    manifest: Mapping[str, Any],
    free_keys: Collection[str] = (),
    anyway: bool = False,
) -> Settled:
    """Store the manifest of a new run, or check that an existing one may go on with it.

    More suites, tasks and trials extend a run: the stored manifest gets them.

    Args:
        path: The ``run.yaml``.
        manifest: Nested mappings, lists and plain values.
        free_keys: Dotted keys that may differ, each with all that is below it, e.g. ``"machine"``.
        anyway: Whether keys of :data:`~gridseval.results.run.keys.ANYWAY` may differ, too.

    Raises:
        OutputError: Another manifest is stored (shows each difference), or the file cannot be
            read or written.
    """
    text = manifest_yaml(manifest)
    if not path.exists():
        write_atomically(path, text)
        return Settled(read_manifest(path), {}, ())
    stored = read_manifest(path)
    # Through YAML and back, so that a tuple and the list it was stored as are the same.
    given = plain_yaml(text)
    more = _extended(stored, given)
    resumption = Resumption(stored, given, (*free_keys, *more))
    refused = [] if anyway else resumption.anyway
    if resumption.others or refused:
        shown = "".join(f"\n  {line}" for line in sorted((*resumption.others, *refused)))
        raise OutputError(
            f"{path.parent} holds another run (stored -> given):{shown}",
            _hint(resumption),
        )
    extended = _with_more(stored, given, more)
    if extended != stored:
        write_manifest(path, extended)
    return Settled(extended, resumption.mixed, tuple(resumption.notes()))


class Resumption:
    """How the given manifest differs from the stored one.

    Attributes:
        others: A line for each difference that makes it another run.
        anyway: A line for each difference that a user may accept.
        mixed: What such differences make of the run's values.
    """

    def __init__(
        self, stored: Mapping[str, Any], given: Mapping[str, Any], free: Collection[str]
    ) -> None:
        before, self._given = flat_manifest(stored), flat_manifest(given)
        known = mixed_values(stored)
        accepted = [key for key, values in known.items() if self._value(key) in values]
        other_address = _ADDRESS if _is_server(stored) and _is_server(given) else None
        filled = {key: value for key, value in _filled(stored, given).items() if key != MIXED}
        lines = list(manifest_differences(filled, given, (*free, *accepted)))
        differ = {line.partition(": ")[0]: line for line in lines}
        self._moved = differ.pop(other_address or "", None)
        self.others = [line for key, line in differ.items() if not is_below(key, ANYWAY)]
        self.anyway = [line for key, line in differ.items() if is_below(key, ANYWAY)]
        changed = [key for key in differ if is_below(key, ANYWAY)]
        changed += [_ADDRESS] if self._moved and not says_what_it_serves(given["policy"]) else []
        self.mixed = {
            **known,
            **{k: (*known.get(k, (before.get(k, ABSENT),)), self._value(k)) for k in changed},
        }
        self._changed = changed

    def notes(self) -> Iterator[str]:
        """Yield what the user should know before the run goes on."""
        if self._changed:
            told = "; ".join(f"{key}: {_course(self.mixed[key])}" for key in self._changed)
            yield f"resumed although it is mixed from here on: {told}"

    def _value(self, key: str) -> Any:
        return self._given.get(key, ABSENT)


def mixed_notes(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a reader must know of a run whose episodes were not all run alike."""
    for key, values in mixed_values(manifest).items():
        said = f"mixed: its episodes were run with several values of {key}: {_course(values)}"
        silent = "; the server does not say what it serves" if key == _ADDRESS else ""
        yield f"{said}{silent}"


def _course(values: Collection[Any]) -> str:
    return ", then ".join(map(shown_value, values))


def _is_server(manifest: Mapping[str, Any]) -> bool:
    policy = manifest.get("policy")
    return isinstance(policy, Mapping) and "server" in policy


def _hint(resumption: Resumption) -> str:
    if not resumption.others:
        return (
            "give the stored values to resume it; --resume-anyway goes on with these, and every "
            "table names them"
        )
    return "give the stored values to resume it, or another directory for a new run"


def _extended(stored: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys that may differ because the given run has all of the stored one's episodes.

    A sequential test is about a planned number of episodes, and a dataset is written once.
    """
    if any(key in manifest for key in _PLANNED for manifest in (stored, given)):
        return ()
    before, after = suites_of(stored), suites_of(given)
    if not set(before) <= set(after):
        return ()
    parts = before or ("",)  # a run that does not name its suite has one all the same
    if not all(_has_more(of_suite(stored, suite), of_suite(given, suite)) for suite in parts):
        return ()
    return (*EXTENDS, "suite") if len(after) > len(before) else EXTENDS


def _has_more(stored: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Return whether a run of one suite has all episodes of another, or more."""
    (old, before), (new, after) = (
        (each.get("tasks"), each.get("trials")) for each in (stored, given)
    )
    if not (isinstance(old, list) and isinstance(new, list)):
        return False
    if not (isinstance(before, int) and isinstance(after, int)):
        return False
    # All of a task's first trials hold any choice of fewer; two choices are two runs.
    chosen = [each.get("selected") for each in (stored, given)]
    return set(old) <= set(new) and before <= after and chosen[1] in (None, chosen[0])


def _with_more(
    stored: Mapping[str, Any], given: Mapping[str, Any], more: Collection[str]
) -> dict[str, Any]:
    """Return the stored manifest with the given one's episodes, if these are more or the same."""
    if more and SUITES in given:
        more = (*OF_SUITE, SUITES)
    kept = {key: value for key, value in stored.items() if key not in more or key in given}
    return kept | {key: given[key] for key in more if key in given}


def _filled(stored: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a stored manifest with the values that earlier versions did not write."""
    if not is_before_protocols(stored) or "env_seed" not in given:
        return stored
    filled = {**with_protocol(stored), "protocol": given.get("protocol")}
    policy, later = stored.get("policy"), given.get("policy")
    if isinstance(policy, Mapping) and isinstance(later, Mapping) and "untrained" in later:
        # It follows from the checkpoint's hash and the seed, which are compared.
        filled["policy"] = {"untrained": later["untrained"], **policy}
    return filled
