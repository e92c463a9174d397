"""Turn a run's arguments into what it needs, cheapest checks first."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata

from gridseval.envs.assets import Assets, find_assets
from gridseval.envs.pool.pool import default_workers
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.rendering.backend import Probe, choose_backend
from gridseval.envs.spaces import ALL_OBSERVATION_KEYS, CAMERAS
from gridseval.errors import MachineError, UsageError
from gridseval.evaluation.chosen import Chosen, choose
from gridseval.evaluation.config import RunConfig
from gridseval.evaluation.stopping import stopping_rule
from gridseval.policies import LoadedPolicy, load_policy
from gridseval.results.sequential import SequentialRule
from gridseval.suites import Episode, Suite, Task, list_episodes
from gridseval.versions import check_mujoco_version
from gridseval.video import VideoChoice

MOST_STEPS = 100_000
"""Most policy steps of an episode: 200 times LIBERO's longest. Memory is laid out for all."""


@dataclass(frozen=True)
class Prepared:
    """A run that can start.

    Attributes:
        config: What was asked for.
        chosen: The tasks, and what is perturbed in them.
        trials: Trials per task.
        episodes: All episodes, in order: task by task, or trial by trial with a rule.
        loaded: The policy.
        assets: The models.
        max_steps: Policy steps per episode.
        replan: Policy steps between queries, or ``None`` for whole chunks.
        workers: Worker processes, 0 for none.
        choice: Which episodes get a video.
        rule: When to stop early, or ``None``.
        probe: The OpenGL back end, or ``None`` if nothing is drawn.
        warnings: What the user should know before it starts.
    """

    config: RunConfig
    chosen: Chosen
    trials: int
    episodes: tuple[Episode, ...]
    loaded: LoadedPolicy
    assets: Assets
    max_steps: int
    replan: int | None
    workers: int
    choice: VideoChoice
    rule: SequentialRule | None
    probe: Probe | None
    warnings: tuple[str, ...]

    @property
    def suite(self) -> Suite:
        """The suite."""
        return self.chosen.suite

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that are run."""
        return self.chosen.tasks

    @property
    def observations(self) -> tuple[str, ...]:
        """What environments observe for the policy."""
        wanted = self.loaded.observation_keys
        return tuple(key for key in ALL_OBSERVATION_KEYS if key in wanted)

    @property
    def renderer(self) -> str | None:
        """Who draws the policy's images, or ``None`` if it sees none: pixels decide outcomes."""
        if self.probe is None or CAMERAS.keys().isdisjoint(self.observations):
            return None
        return f"{self.probe.backend}: {self.probe.renderer}"

    @property
    def settings(self) -> EnvSettings:
        """The environments' settings."""
        return EnvSettings(
            suite=self.suite.name,
            assets=str(self.assets.root),
            observations=self.observations,
            action_chunk=self.max_steps,
            actions=self.loaded.needs.actions,
            privileged="privileged" in self.loaded.observation_keys,
            seed=self.config.seed,
            max_steps=self.max_steps,
            draw_last=False,
            libero_plus=None if self.chosen.folder.root is None else str(self.chosen.folder.root),
            prompts=self.chosen.prompts,
            robot_true=self.chosen.robot_true,
            perturb=self.chosen.plan.texts,
            backend=None if self.probe is None else self.probe.backend,
        )


def prepare(config: RunConfig) -> Prepared:
    """Check the arguments and load what they name.

    Raises:
        UsageError: An argument names something that does not exist.
        MachineError: Models, OpenGL or a supported MuJoCo are missing.
        PolicyError: The checkpoint cannot be loaded.
    """
    chosen = choose(config)
    suite, tasks = chosen.suite, chosen.tasks
    trials = suite.trials if config.trials is None else config.trials
    rule = stopping_rule(config)
    episodes = list_episodes(suite, tasks, trials)
    if rule is not None:
        episodes = tuple(sorted(episodes, key=lambda episode: (episode.trial, episode.task)))
    asked, cores = config.max_steps, config.workers
    max_steps = suite.max_steps if asked is None else _max_steps(asked)
    workers = default_workers() if cores is None else _at_least(0, "--workers", cores)
    # One per task unless something else is asked for, in LIBERO-Plus one per base task.
    choice = VideoChoice.of(str(chosen.bases) if config.video is None else config.video, episodes)
    _check_numbers(config)
    warning = check_mujoco_version(metadata.version("mujoco"), config.force)
    assets = find_assets(config.assets)
    loaded = load_policy(
        config.policy,
        config.checkpoint,
        config.policy_arguments,
        config.seed,
        config.trust_remote_code,
    )
    choice, probe, video_warnings = _drawn(choice, config.video is not None, loaded)
    return Prepared(
        config=config,
        chosen=chosen,
        trials=trials,
        episodes=episodes,
        loaded=loaded,
        assets=assets,
        max_steps=max_steps,
        replan=loaded.replan if config.replan is None else _at_least(1, "--replan", config.replan),
        workers=workers,
        choice=choice,
        rule=rule,
        probe=probe,
        warnings=tuple(
            filter(None, (warning, assets.note, *loaded.notes, *video_warnings, *chosen.warnings))
        ),
    )


def _at_least(least: int, option: str, value: int) -> int:
    if value < least:
        raise UsageError(f"{option} must be at least {least}, not {_shown(value)}")
    return value


def _max_steps(asked: int) -> int:
    if _at_least(1, "--max-steps", asked) > MOST_STEPS:
        raise UsageError(f"--max-steps must be at most {MOST_STEPS}, not {_shown(asked)}")
    return asked


def _shown(number: int) -> str:
    """Return a number's digits, or of one that has too many for a message its length."""
    bits = number.bit_length()
    return str(number) if bits < 100 else f"a number of {bits} bits"


def _check_numbers(config: RunConfig) -> None:
    if not 0 <= config.seed < 2**32:
        raise UsageError(f"--seed must be within 0 and {2**32 - 1}, not {_shown(config.seed)}")
    if not config.timeout_s > 0:  # true for nan, too
        raise UsageError(f"--timeout must be above 0, not {config.timeout_s:g}")


def _drawn(
    choice: VideoChoice, asked: bool, loaded: LoadedPolicy
) -> tuple[VideoChoice, Probe | None, tuple[str, ...]]:
    """Return which videos are made, the OpenGL back end if any is needed, and warnings.

    Videos that nobody asked for are left out where nothing can draw them; a policy that sees images
    cannot do without.
    """
    sees_images = not CAMERAS.keys().isdisjoint(loaded.observation_keys)
    if not choice.recorded and not sees_images:
        return choice, None, ()
    try:
        return choice, choose_backend(), ()
    except MachineError as error:
        if sees_images or asked:
            raise
        return VideoChoice(frozenset()), None, (f"no videos are made: {error.message}",)
