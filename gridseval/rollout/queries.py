"""What the queries of one attempt cost, and what the policy looked at in them: figures only.

It does not keep traces: an episode has 60 traces of 512 tokens each, and thousands of episodes
would fill the memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gridseval.envs.scene import CONTROL_HZ
from gridseval.tokens import TokenTrace
from gridseval.tokens.diagnostics import border_share, duplicate_share, movement, turnover


class Call(NamedTuple):
    """One call of the policy.

    Attributes:
        elapsed_s: Its duration; every slot of the batch waited that long.
        slots: Slots that were asked about in it, at least 1.
        peak_mb: The most memory held in it (10⁶ bytes), or ``None`` where nothing measures it.
    """

    elapsed_s: float
    slots: int
    peak_mb: float | None = None


@dataclass
class QueryLog:
    """Figures of an attempt's queries, in their order."""

    _calls: list[Call] = field(default_factory=list)
    _values: dict[str, list[float]] = field(default_factory=dict)
    _last: TokenTrace | None = None
    _delays: list[int] = field(default_factory=list)

    def completion(self, steps: int) -> dict[str, float]:
        """Return how long a robot would have taken, in s, as a record's ``extra`` holds it.

        Where the world stood still while the policy thought, its time is added to the motion's;
        with delays the steps of waiting are among the steps. Source: GridS's table, after VLASH.

        Args:
            steps: Policy steps of the attempt.
        """
        waited_s = 0.0 if self._delays else sum(call.elapsed_s for call in self._calls)
        return {"completion_s": round(steps / CONTROL_HZ + waited_s, 4)}

    def note(
        self,
        call: Call,
        trace: TokenTrace | None,
        skipped: bool | None = None,
        delay: int | None = None,
        flops: float | None = None,
    ) -> None:
        """Add the figures of a query.

        Args:
            call: The call that it was part of.
            trace: What the policy looked at, if it says so.
            skipped: Whether it was answered without the model; ``None`` of a policy that cannot.
            delay: Policy steps until its answer was there; ``None`` where the world stood still.
            flops: Its floating-point operations; ``None`` if unknown.
        """
        self._calls.append(call)
        if delay is not None:
            self._delays.append(delay)
        if skipped is not None:
            self._add("skipped", skipped)
        if skipped:
            self._add("tflops", None if flops is None else 0)
            return  # the next query that is asked compares with the last one that was
        if trace is None:
            self._last = None  # the next query has no neighbour to compare with
            return
        self._add("kept_tokens", trace.kept_count)
        self._add("dense_tokens", trace.dense_count)
        for camera in trace.cameras if len(trace.cameras) > 1 else ():
            self._add(f"kept_{camera.camera}", camera.kept_count)
        self._add("kept_border", border_share(trace))
        self._add("kept_duplicates", duplicate_share(trace))
        if self._last is not None:
            self._add("kept_movement", movement(self._last, trace))
            self._add("kept_turnover", turnover(self._last, trace))
        self._add("tflops", None if flops is None else flops / 1e12)
        self._last = trace

    def figures(self) -> dict[str, Any]:
        """Return an episode's figures as a record's ``extra`` holds them; see ``results``.

        ``kept_tokens`` is a list with one number per query, all else one number: ``kept_<camera>``,
        ``kept_border``, ``kept_duplicates``, ``kept_movement`` (cells), ``kept_turnover``,
        ``dense_tokens`` and ``tflops`` are means, the last one of all queries, the others of those
        that the model answered; ``skipped`` is the share of queries that it did not answer, of
        policies that may skip them; ``latency_ms`` the median and ``latency_p95_ms``
        the 95th percentile of the calls' durations, ``latency_batch`` the slots per call (mean);
        ``peak_memory_mb`` the largest. ``delays`` lists policy steps, one number per query.
        """
        values: Mapping[str, Sequence[float]] = self._values
        made: dict[str, Any] = {name: _rounded(np.mean(each)) for name, each in values.items()}
        if "kept_tokens" in values:
            made["kept_tokens"] = [int(count) for count in values["kept_tokens"]]
            made["kept_sd"] = _rounded(np.std(values["kept_tokens"]))
        if self._delays:
            made["delays"] = list(self._delays)
        return made | _times(self._calls)

    def _add(self, name: str, value: float | None) -> None:
        if value is not None:
            self._values.setdefault(name, []).append(value)


def _times(calls: Sequence[Call]) -> dict[str, float]:
    if not calls:
        return {}
    elapsed_ms = [1000 * call.elapsed_s for call in calls]
    peaks = [call.peak_mb for call in calls if call.peak_mb is not None]
    return {
        "latency_ms": _rounded(np.median(elapsed_ms)),
        "latency_p95_ms": _rounded(np.percentile(elapsed_ms, 95)),
        "latency_batch": _rounded(np.mean([call.slots for call in calls])),
        **({"peak_memory_mb": _rounded(max(peaks))} if peaks else {}),
    }


def _rounded(value: Any) -> float:
    """Return a number rounded to six digits."""
    return float(f"{float(value):.6g}")
