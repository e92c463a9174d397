"""Gate a run from Python: ``python examples/gate_from_python.py RUN BASELINE``.

Ends with 0 (pass), 1 (regression) or 2 (cannot tell), as ``gridseval gate`` does.
"""

from __future__ import annotations

import sys

from gridseval import read_run
from gridseval.results import tally
from gridseval.results.gate.rules import GateRules
from gridseval.results.gate.verdict import gate_on_baseline


def main(run: str, baseline: str) -> int:
    """Print both rates and the verdict; return its exit code."""
    new, old = read_run(run), read_run(baseline)
    for each in (old, new):
        counts = tally(each.records)
        print(f"{each.label}: {counts.successes} of {counts.counted}, {counts.errors} errors")
    verdict = gate_on_baseline(new, old, GateRules(max_drop=0.02, detect=0.2))
    print(verdict.sentence)
    return verdict.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
