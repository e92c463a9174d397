"""Turn a run's arguments into what it needs, cheapest checks first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gridseval.assets import Assets, find_assets
from gridseval.envs.pool.ray_nodes import RayNodes
from gridseval.envs.pool.resources import MOST_WORKERS, Resources
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.rendering.backend import Probe, choose_backend
from gridseval.envs.rendering.devices import spread
from gridseval.envs.simulator import Simulator, check_simulator
from gridseval.envs.spaces import ALL_OBSERVATION_KEYS, CAMERAS
from gridseval.errors import MachineError, UsageError
from gridseval.evaluation.cluster_options import check_cluster_options
from gridseval.evaluation.conditions import (
    Conditions,
    at_least,
    checked_max_steps,
    policy_seed,
)
from gridseval.evaluation.config import RunConfig
from gridseval.evaluation.episode_choice import EpisodeChoice, with_listed_tasks
from gridseval.evaluation.replication import replicas_of, request_of, start
from gridseval.evaluation.sharing import RunPolicy, Sharing
from gridseval.evaluation.starts import agreed_starts, starts_of
from gridseval.evaluation.stopping import stopping_rule
from gridseval.evaluation.task_selection import TaskSelection, choose
from gridseval.evaluation.timing import RunTiming, timing_of
from gridseval.policies import LoadedPolicy
from gridseval.results.stats.sequential import SequentialRule
from gridseval.rollout.dispatch import Replica, ReplicaDispatcher
from gridseval.suites import Episode, Starts, Suite, Task, list_episodes, load_protocol
from gridseval.video import VideoChoice

_FEW_EPISODES = 4
"""Episodes of a scene, a minute of simulation: what is saved in compiling is one second."""


@dataclass(frozen=True)
class PreparedRun:
    """A run that can start.

    Attributes:
        config: What was asked for.
        chosen: The tasks, and what is perturbed in them.
        selected: Which trials, or which episodes.
        starts: What trials number: stored initial states, or fresh starts.
        episodes: All episodes, in order: task by task, or trial by trial with a rule.
        loaded: The policy.
        assets: LIBERO's assets.
        simulator: The packages that simulate, as they are imported.
        conditions: The protocol of its episodes.
        replan: Policy steps between queries, or ``None`` for whole chunks.
        timing: Whether simulated time goes on while the policy thinks.
        workers: Worker processes, 0 for none.
        choice: Which episodes get a video.
        rule: When to stop early, or ``None``.
        probe: The OpenGL back end, or ``None`` if nothing is drawn.
        warnings: What the user should know before it starts.
        dispatcher: Asks the policy's replicas; ``None`` for a policy in this process.
        nodes: The nodes of a cluster that run its environments, or ``None``.
    """

    config: RunConfig
    chosen: TaskSelection
    selected: EpisodeChoice
    starts: Starts
    episodes: tuple[Episode, ...]
    loaded: LoadedPolicy
    assets: Assets
    simulator: Simulator
    conditions: Conditions
    replan: int | None
    timing: RunTiming
    workers: int
    choice: VideoChoice
    rule: SequentialRule | None
    probe: Probe | None
    warnings: tuple[str, ...]
    dispatcher: ReplicaDispatcher | None = None
    nodes: RayNodes | None = None

    @property
    def egl_devices(self) -> tuple[int, ...]:
        """EGL devices over which workers are spread; empty where one draws for all."""
        if self.probe is None or self.workers < 2 or self.config.ray is not None:
            return ()
        return self.probe.spread

    @property
    def suite(self) -> Suite:
        """The suite."""
        return self.chosen.suite

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that are run."""
        return self.chosen.tasks

    @property
    def max_steps(self) -> int:
        """Policy steps per episode."""
        return self.conditions.max_steps

    @property
    def observations(self) -> tuple[str, ...]:
        """What environments observe for the policy."""
        wanted = self.loaded.observation_keys
        return tuple(key for key in ALL_OBSERVATION_KEYS if key in wanted)

    @property
    def renderer(self) -> str | None:
        """The renderer of the policy's images, ``None`` without images: pixels decide outcomes."""
        if self.probe is None or CAMERAS.keys().isdisjoint(self.observations):
            return None
        return f"{self.probe.backend}: {self.probe.renderer}"

    def acting(self, loaded: LoadedPolicy) -> PreparedRun:
        """Return the same run of a policy that may see images which the first one did not.

        Raises:
            MachineError: It sees images, and no OpenGL back end works here.
        """
        sees_images = not CAMERAS.keys().isdisjoint(loaded.observation_keys)
        draws = self.probe is None and sees_images
        probe = spread(choose_backend()) if draws else self.probe
        return replace(self, loaded=loaded, probe=probe)

    @property
    def _compiles_often(self) -> bool:
        """Whether workers change scenes every few episodes, so that compiling has to be fast."""
        scenes = len(set(map(self.chosen.scene, self.episodes)))
        return self.rule is not None or _FEW_EPISODES * scenes > len(self.episodes)

    @property
    def settings(self) -> EnvSettings:
        """The environments' settings."""
        protocol = self.conditions.protocol
        return EnvSettings(
            suite=self.suite.address,
            suite_sha256=self.chosen.suite_sha256,
            assets=str(self.assets.root),
            observations=self.observations,
            action_chunk=self.max_steps,
            actions=self.loaded.needs.actions,
            privileged="privileged" in self.loaded.observation_keys,
            seed=self.conditions.env_seed,
            seeding=protocol.seeding,
            starts=self.starts,
            image_px=protocol.image_px,
            max_steps=self.max_steps,
            settle_steps=self.conditions.settle_steps,
            draw_last=False,
            motion=True,
            report_start=not self.suite.has_states,
            max_scenes=1 if self.rule is None else 2,
            asset_cache_mb=None if self._compiles_often else 0,
            libero_plus=None if self.chosen.folder.root is None else str(self.chosen.folder.root),
            prompts=self.chosen.prompts,
            perturbed_start=self.chosen.perturbed_start,
            perturb=self.chosen.plan.texts,
            trust_remote_code=self.config.trust_remote_code,
            backend=None if self.probe is None else self.probe.backend,
            egl_devices=self.egl_devices,
        )


def prepare(config: RunConfig, sharing: Sharing | None = None) -> PreparedRun:
    """Check the arguments and load what they name.

    Args:
        config: The arguments.
        sharing: Has the policy, if the run before had the same one; ``None`` to load it.

    Raises:
        UsageError: An argument names something that does not exist.
        MachineError: Assets, OpenGL or a supported MuJoCo are missing, or other packages than
            LIBERO's would simulate.
        PolicyError: The checkpoint cannot be loaded.
    """
    config, listed = with_listed_tasks(config)
    chosen = choose(config)
    suite, tasks = chosen.suite, chosen.tasks
    asked, selected = starts_of(config, suite, listed)
    rule = stopping_rule(config)
    # Recorded actions may be of fresh starts, which only loading them tells.
    likely: Starts = "fresh" if config.policy == "replay" or not suite.has_states else "stored"
    episodes = selected.of(list_episodes(suite, tasks, selected.trials, asked or likely))
    if rule is not None:  # trial by trial, so that it sees no task before the others
        episodes = tuple(sorted(episodes, key=lambda each: (each.trial, each.task)))
    workers, fewer, replicas = _checked_numbers(config)
    choice = VideoChoice.of(config.video or str(chosen.bases), episodes)  # one per base task
    simulator = check_simulator(config.force)
    assets = find_assets(config.assets)
    loaded, dispatcher = _policy(config, replicas, sharing or Sharing())
    starts = agreed_starts(asked, loaded.needs, suite)
    list_episodes(suite, tasks, selected.trials, starts)  # refuses what it cannot have
    conditions = Conditions.of(config, loaded.needs, suite)
    timing = timing_of(
        config, episodes, conditions.policy_seed, conditions.max_steps, loaded.needs.actions
    )
    choice, probe, undrawn = _drawn(choice, config.video is not None, loaded)
    warnings = (
        *(*simulator.warnings, assets.note, *loaded.notes, *conditions.notes(config)),
        *(*undrawn, *fewer, *chosen.warnings, *timing.notes),
    )
    return PreparedRun(
        config=config,
        chosen=chosen,
        selected=selected,
        starts=starts,
        episodes=episodes,
        loaded=loaded,
        assets=assets,
        simulator=simulator,
        conditions=conditions,
        replan=loaded.replan if config.replan is None else at_least(1, "--replan", config.replan),
        timing=timing,
        workers=workers,
        choice=choice,
        rule=rule,
        probe=probe,
        warnings=tuple(text for text in warnings if text),
        dispatcher=dispatcher,
    )


def _policy(config: RunConfig, replicas: Sequence[Replica], sharing: Sharing) -> RunPolicy:
    if config.ray is not None:
        sharing.cluster(config.ray)  # first, as loading a policy may take minutes
    request = request_of(config)
    named = (request.name, request.checkpoint, request.seed, request.trusted)
    key = (*named, *sorted(request.arguments.items()), config.policies, config.timeout_s)

    def load() -> RunPolicy:
        return RunPolicy(*start(config, replicas)) if replicas else RunPolicy(request.load())

    return sharing.policy(key, load)


def _workers(asked: int | None) -> tuple[int, tuple[str, ...]]:
    """Return how many workers to start, and why these are fewer than there are cores."""
    if asked is not None:
        return at_least(0, "--workers", asked, MOST_WORKERS), ()
    here = Resources.here()
    few = f"{here.workers} workers for {here.cores} cores: {here.reason}; --workers asks for others"
    return here.workers, () if here.reason is None else (few,)


def _checked_numbers(config: RunConfig) -> tuple[int, tuple[str, ...], Sequence[Replica]]:
    """Check the numbers that were asked for.

    Returns:
        How many workers to start, a note on it, and the policy's replicas, not started.
    """
    policy_seed(config)
    check_cluster_options(config)
    if config.max_steps is not None:
        checked_max_steps(config.max_steps)
    if config.protocol is not None:
        load_protocol(config.protocol)
    if not config.timeout_s > 0:  # true for nan, too
        raise UsageError(f"--timeout must be above 0, not {config.timeout_s:g}")
    return *_workers(config.workers), replicas_of(config)


def _drawn(
    choice: VideoChoice, asked: bool, loaded: LoadedPolicy
) -> tuple[VideoChoice, Probe | None, tuple[str, ...]]:
    """Return which videos are made, the OpenGL back end if any is needed, and warnings.

    Without a renderer, a run skips videos that the user did not ask for. A policy that sees images
    needs one.
    """
    sees_images = not CAMERAS.keys().isdisjoint(loaded.observation_keys)
    if not choice.recorded and not sees_images:
        return choice, None, ()
    try:
        return choice, spread(choose_backend()), ()
    except MachineError as error:
        if sees_images or asked:
            raise
        return VideoChoice(frozenset()), None, (f"no videos are made: {error.message}",)
