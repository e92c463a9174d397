"""``summary.json``: a run's figures for programs.

``summary.schema.json`` beside this file is its JSON Schema. Keys of schema 1; rates are fractions,
and ``null`` stands where there is nothing to compute from::

    schema     1
    run        suite, policy and assets of run.yaml, as far as given there
    episodes   expected (or null), done, successes, failures, errors, counted
    suites     list of: suite, tasks, dimensions, and the figures of COLUMNS:
               successes, failures, errors, counted (successes + failures), success_rate,
               success_lower, success_upper (95 % Wilson), success_mean_over_tasks,
               success_mean_lower, success_mean_upper (its 95 % interval, for fixed tasks),
               mean_steps, mean_steps_to_success, queries, retries, wall_s (sum over episodes),
               and where records have them, a mean and an sd over episodes of what tokens and time
               cost: kept_tokens_mean, kept_tokens_sd, dense_tokens_…, retention_…, latency_ms_…
    suites[].tasks        list of: task (index), task_name, instruction, and the same figures
    suites[].dimensions   list of: dimension, level (null: all of them; "none": tasks that have
               no level), and the same figures; empty for a suite that perturbs nothing
    unavailable   chosen tasks that lacked files: {dimension: {level: number}}
    mean_over_suites  null, or of several suites: suites, success_rate, success_lower, success_upper
    leaderboard   null, or LIBERO-Plus's row: suites, tasks (of these), tasks_run, counted, complete
               (all tasks of all four suites), label, dimensions ({dimension: null or
               success_rate, success_lower, success_upper, counted, tasks, tasks_represented,
               tasks_unavailable}, weighted by tasks), total (the same, or null) and published
               (list of: family, dimensions ({dimension: rate}), total, source)
    notes      list of sentences

A reader must accept keys that it does not know; a change of what a key means raises ``schema``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from gridseval.results.tables.columns import Column, columns_of, figures
from gridseval.results.tables.leaderboard_text import leaderboard_data
from gridseval.results.tables.pivot import pivot
from gridseval.results.tables.suites_mean import suites_mean_data
from gridseval.results.tables.summary import Row, Summary

SUMMARY_SCHEMA = 1


def render_json(summary: Summary) -> str:
    """Return ``summary.json``."""
    return to_json(summary_data(summary))


def summary_data(summary: Summary) -> dict[str, Any]:
    """Return the content of ``summary.json`` as plain data."""
    shown = {key: summary.manifest.get(key) for key in ("suite", "policy", "assets")}
    columns = columns_of(summary.records)
    return {
        "schema": SUMMARY_SCHEMA,
        "run": {key: plain(value) for key, value in shown.items() if value is not None},
        "episodes": _counts(summary),
        "unavailable": plain(summary.manifest.get("unavailable") or {}),
        "suites": [_suite_data(row, summary.tasks, columns) for row in summary.suites],
        "mean_over_suites": suites_mean_data(summary),
        "leaderboard": leaderboard_data(summary),
        "notes": list(summary.notes),
    }


def to_json(data: Mapping[str, Any]) -> str:
    """Return plain data as a text for people and programs."""
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def plain(value: object) -> object:
    """Replace what YAML can say and JSON cannot (dates, nan) by its text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, (str, int)) else str(value)


def _counts(summary: Summary) -> dict[str, int | None]:
    counts = summary.tally
    return {
        "expected": summary.expected,
        "done": summary.done,
        "successes": counts.successes,
        "failures": counts.failures,
        "errors": counts.errors,
        "counted": counts.counted,
    }


def _suite_data(suite: Row, tasks: Sequence[Row], columns: Sequence[Column]) -> dict[str, Any]:
    return {
        "suite": suite.suite,
        **figures(suite.records, columns),
        "tasks": [_task_data(row, columns) for row in tasks if row.suite == suite.suite],
        "dimensions": _dimensions_data(suite, columns),
    }


def _task_data(row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    named = {
        "task": row.task,
        "task_name": row.name,
        "instruction": row.records[0].instruction,
    }
    return named | figures(row.records, columns)


def _dimensions_data(suite: Row, columns: Sequence[Column]) -> list[dict[str, Any]]:
    counted = pivot(suite.records)
    return [
        {"dimension": dimension, "level": level, **figures(records, columns)}
        for (dimension, level), records in (counted.cells if counted else {}).items()
    ]
