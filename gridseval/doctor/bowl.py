"""Whether the bowl of libero_spatial's task 5 still stands on the ramekin after settling.

It starts above the ramekin and falls onto it while the scene settles. Up to MuJoCo 3.3 it comes to
rest tilted, with its centre 1.5 cm beside the ramekin's; since 3.4 (another rule for contacts
between boxes) it slides 3.7 cm to the side, and policies that solve the task in 98 % of episodes
fail in most (docs: protocol and traps, no. 1). Measured with 3.3.2, 3.4.0 and 3.8.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gridseval.doctor.finding import Finding, Health
from gridseval.doctor.packages import check_mujoco

SUITE, TASK = "libero_spatial", 5
BOWL, RAMEKIN = "akita_black_bowl_1", "glazed_rim_porcelain_ramekin_1"
TRIALS = (0, 12, 24, 36, 48)
MAX_BESIDE_CM = 2.5
"""Halfway between where the bowl rests up to MuJoCo 3.3 and where it rests since 3.4."""

MIN_ABOVE_CM = 1.0
_CRITERION = (
    f"stands: after settling, the bowl's centre is at most {MAX_BESIDE_CM} cm beside the ramekin's "
    f"and at least {MIN_ABOVE_CM:g} cm above it (1.5 and 3.5 up to MuJoCo 3.3)"
)


def check_bowl(assets: str | None, force: bool) -> Finding:
    """Let the scene settle in several trials and look at the bowl.

    Args:
        assets: Folder of LIBERO's models, or ``None`` to look for them.
        force: Only warn, as of the version of MuJoCo.

    Raises:
        MachineError: Models are missing, or the task cannot be compiled.
    """
    from gridseval.envs.libero_env import LiberoEnv

    if check_mujoco(force=True).status == "failure":
        return Finding("bowl", "failure", "not tried: MuJoCo cannot run LIBERO")
    env = LiberoEnv(SUITE, assets=assets, observations=(), privileged=True)
    try:
        infos = [env.reset(options={"task": TASK, "trial": trial})[1] for trial in TRIALS]
    finally:
        env.close()
    return judge_bowl([info["privileged"]["objects"] for info in infos], force)


def judge_bowl(trials: list[Mapping[str, Any]], force: bool) -> Finding:
    """Return the finding for the objects' poses of some trials, float64 (7,) each, metres."""
    offsets_cm = [100 * (objects[BOWL][:3] - objects[RAMEKIN][:3]) for objects in trials]
    beside_cm = [float(np.hypot(offset[0], offset[1])) for offset in offsets_cm]
    stands = [
        beside <= MAX_BESIDE_CM and offset[2] >= MIN_ABOVE_CM
        for beside, offset in zip(beside_cm, offsets_cm, strict=True)
    ]
    text = (
        f"on the ramekin in {sum(stands)} of {len(stands)} trials, "
        f"at most {max(beside_cm):.1f} cm beside"
    )
    status: Health = "ok" if all(stands) else "warning" if force else "failure"
    return Finding("bowl", status, text, _CRITERION)
