"""What a run is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gridseval.moved import takes_earlier_arguments


@takes_earlier_arguments
@dataclass(frozen=True)
class RunConfig:
    """The arguments of ``gridseval run``.

    Attributes:
        suite: Name or path of the suite; a path is a folder with ``suite.yaml``, or a YAML file.
            Several have commas between; ``"libero"`` and ``"libero_plus"`` stand for four each.
        out: The run directory.
        tasks: Indices, ranges and names, or ``None`` for all.
        dimension: Dimensions of LIBERO-Plus joined by commas, or ``None`` for all.
        level: Levels of LIBERO-Plus and ranges joined by commas, or ``None`` for all.
        sample: How many of those tasks to draw, by dimension and level, or ``None`` for all.
        trials: How many trials per task, or which, such as ``"0-9,20-29"``; ``None`` for the
            suite's.
        episodes: File that lists episodes, in place of tasks and trials; ``None`` without.
        starts: ``"stored"``, ``"fresh"``, ``"fresh:N"`` for N fresh starts per task, or ``None``
            for the policy's or stored ones.
        policy: Registered name, ``module:Class``, ``file.py:Class``, or ``None`` to tell the kind
            from the checkpoint.
        checkpoint: The checkpoint, or ``None``; addresses of several servers of one policy have
            commas between.
        policies: How many replicas of the policy answer, each in another process; ``None`` for one
            policy in this process.
        policy_arguments: The policy's constructor arguments, as text.
        replan: Policy steps between queries, or ``None`` for the policy's.
        delay: Policy steps until an answer is there: ``"N"``, ``"N:M"`` to draw it in every query,
            ``"measured"``, ``"replay:RUN"``; ``None``: the world stands still meanwhile.
        execution: ``"sync"`` or ``"async"``, or ``None`` for the first.
        when_late: ``"hold"`` or ``"repeat"``, or ``None`` for the first.
        latency_scale: Factor on measured delays, or ``None`` for 1.
        max_steps: Policy steps per episode, or ``None`` for the protocol's.
        workers: Worker processes, 0 for none, or ``None`` for one per core.
        protocol: Name or file of an evaluation protocol, or ``None`` for the policy's family's.
        seed: The policy's seed and, unless ``env_seed`` is given or the policy needs one, LIBERO's;
            ``None`` for 7 and the protocol's.
        env_seed: LIBERO's seed.
        trust_remote_code: Whether code in the checkpoint may run.
        video: ``"none"``, ``"failures"``, ``"all"``, a number, or ``None`` for as many as there are
            tasks if this machine can draw.
        assets: Folder of LIBERO's assets, or ``None`` to look for them.
        libero_plus: Folder of LIBERO-Plus's data, or ``None`` to look for it.
        prompts: ``"base"``, or ``"upstream"`` for prompts that name the perturbation.
        perturbed_start: Whether the arm of the robot dimension really starts at its joint angles.
        perturb: Perturbations of every episode, such as ``"camera:3"``.
        record_actions: Whether to keep the executed actions, for ``replay``.
        retry_errors: Whether a resumed run runs episodes again that ended as error.
        resume_anyway: Whether a run may be resumed with other versions, another renderer and the
            like; every table names them.
        shard: ``"I/N"`` for the I-th of N parts of the run, which goes to ``out/shards/I``;
            ``"slurm"`` in a job array; ``None`` for the whole run.
        ray: Address of the Ray cluster whose nodes run the environments (``"auto"``, ``"local"``,
            ``HOST:PORT``), or ``None`` for this machine.
        env_gpus: Share of a graphics card that each environment takes on that cluster.
        timeout_s: How long a worker may take for one reset or chunk.
        stop_when_decided: Whether to end the run as soon as a sequential test has decided.
        min_success: Success rate that is good enough, for that test.
        max_drop: How far below it a rate is too low, for that test.
        alpha: Probability of either error of that test.
        force: Accept versions that are known to change results.
        command: The command line, for the record.
    """

    suite: str | Path
    out: Path
    tasks: str | None = None
    dimension: str | None = None
    level: str | None = None
    sample: int | None = None
    trials: int | str | None = None
    episodes: Path | None = None
    starts: str | None = None
    policy: str | None = None
    checkpoint: str | None = None
    policies: int | None = None
    policy_arguments: Mapping[str, str] = field(default_factory=dict)
    replan: int | None = None
    delay: str | None = None
    execution: str | None = None
    when_late: str | None = None
    latency_scale: float | None = None
    max_steps: int | None = None
    workers: int | None = None
    protocol: str | None = None
    seed: int | None = None
    env_seed: int | None = None
    trust_remote_code: bool = False
    video: str | None = None
    assets: str | None = None
    libero_plus: str | None = None
    prompts: str = "base"
    perturbed_start: bool = False
    perturb: tuple[str, ...] = ()
    record_actions: bool = False
    retry_errors: bool = False
    resume_anyway: bool = False
    shard: str | None = None
    ray: str | None = None
    env_gpus: float = 0.0
    timeout_s: float = 180.0
    stop_when_decided: bool = False
    min_success: float | None = None
    max_drop: float = 0.05
    alpha: float = 0.05
    force: bool = False
    command: str = ""
