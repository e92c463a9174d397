"""A compiled task: LIBERO's environment object, its MuJoCo model and how a fresh load left both.

A hard reset rebuilds and recompiles the model, 0.9–1.7 s, only to reach the same model again. A
scene is compiled once and remembers what episodes change in it, so that it can be put back.
"""

from __future__ import annotations

import contextlib
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.added_objects import added_objects
from gridseval.envs.arrangement import distractor_joint, problem_with
from gridseval.envs.contact_check import ContactCheck
from gridseval.envs.init_states import read_init_states
from gridseval.envs.libero_package import asset_root, problem_text
from gridseval.envs.model_check import check_model
from gridseval.envs.perturbations import NOTHING, ModelEditor, Perturbation
from gridseval.envs.perturbations.own_edits import OwnEdit, touches_model
from gridseval.envs.simulator import foreign_packages
from gridseval.envs.suite_code import import_libero_with
from gridseval.envs.task_files import TaskFiles
from gridseval.errors import MachineError, UsageError, did_you_mean
from gridseval.suites import read_bddl

CONTROL_HZ = 20
Float = NDArray[np.float64]


@contextlib.contextmanager
def borrowed_numpy_rng(state: dict[str, Any] | None = None) -> Iterator[None]:
    """Let LIBERO draw from numpy's global generator, set to ``state``, and put it back after."""
    before = np.random.get_state(legacy=False)
    try:
        if state is not None:
            np.random.set_state(state)
        yield
    finally:
        np.random.set_state(before)


class Scene:
    """One compiled task.

    Attributes:
        env: LIBERO's (robosuite's) environment object; asked for predicates and samplers only.
        model: ``mujoco.MjModel``.
        data: ``mujoco.MjData``.
        init_states: float64 (trials, 1 + nq + nv); no trials of a task that stores none.

    Raises:
        MachineError: Assets are missing or broken, or do not fit the initial states.
    """

    def __init__(self, files: TaskFiles) -> None:
        self.files = files
        stored = files.init_states
        self.init_states = None if stored is None else read_init_states(stored)
        self.env, self._pristine = _compile(files)
        self.model: Any = self.env.sim.model._model
        self.data: Any = self.env.sim.data._data
        self._stored = _stored_numbers(self.model)
        needed = int(self._stored.sum())
        if self.init_states is not None and self.init_states.shape[1] != needed:
            raise MachineError(
                f"the assets in {files.assets} do not fit the initial states of {files.bddl.stem}: "
                f"{self.init_states.shape[1]} numbers stored, {needed} needed",
                "use LIBERO's own assets: --assets PATH",
            )
        _disable_sensors(self.model)
        self.env.check_contact = ContactCheck(self)
        self._editor = ModelEditor(self.model)
        self._edited: dict[str, Float] = {}

    @property
    def robot(self) -> Any:
        """The robot object of robosuite, for its indices into the model."""
        return self.env.robots[0]

    @property
    def robot_body(self) -> int:
        """Id of the robot's root body."""
        return int(self.env.sim.model.body_name2id(self.robot.robot_model.root_body))

    @property
    def robot_base(self) -> Float:
        """Where the robot stands, float64 (3,), m."""
        base: Float = self.data.xpos[self.robot_body]
        return base

    @property
    def nominal_camera(self) -> tuple[Float, Float, float]:
        """The agent camera as compiled: position (m), rotation (3, 3), tangent of half its view."""
        return self._editor.nominal_camera()

    @property
    def goal(self) -> tuple[tuple[str, ...], ...]:
        """The goal's predicates, which must all hold: (name, argument, …)."""
        return tuple(tuple(atom) for atom in self.env.parsed_problem["goal_state"])

    def stored_state(self, trial: int) -> Float:
        """Return the initial state of a trial, float64 (1 + nq + nv,).

        Raises:
            MachineError: The file stores fewer.
        """
        if self.init_states is None:
            raise UsageError(
                f"{self.files.bddl.stem} has no stored initial states", 'starts="fresh" has no need'
            )
        if trial >= len(self.init_states):
            raise MachineError(
                f"{self.files.init_states} stores {len(self.init_states)} initial states, so that "
                f"there is no trial {trial}"
            )
        state = np.concatenate([[0.0], self.model.qpos0, np.zeros(self.model.nv)])
        state[self._stored] = self.init_states[trial]
        return state

    def restore_fresh_model(self) -> None:
        """Undo what placement and visual state changes wrote into the model."""
        for name, value in (self._edited or self._pristine).items():
            getattr(self.model, name)[:] = value
        if self._edited:
            return
        # Every reset of robosuite hides the marker sites by negating their opacity.
        self.env.visualize(vis_settings=dict.fromkeys(self.env._visualizations, False))

    @contextlib.contextmanager
    def nominal(self) -> Iterator[None]:
        """Show the model without the kinds' own edits for a while."""
        edited, self._edited = self._edited, {}
        try:
            with self._editor.without_edits():
                yield
        finally:
            self._edited = edited

    def edit_start(self, edit: OwnEdit) -> None:
        """Let a kind change the start; what it changes in the model lasts for this episode.

        Raises:
            UsageError: The edit raised.
        """
        self._editor.edit(edit.kind, edit.apply, self.data, edit.data)

    def perturb(self, perturbation: Perturbation) -> tuple[int, ...]:
        """Show another perturbation, in place of the one before: nothing is compiled again.

        Returns:
            Ids of textures that a renderer must upload again.

        Raises:
            MachineError: The perturbation names a light that this scene does not have.
            UsageError: A kind's own edit raised.
        """
        self._edited = {}
        if not touches_model(perturbation.extra):
            return self._apply(perturbation)
        # An edit starts from what a reset shows, not from what the episode before left.
        before = self._editor.apply(NOTHING)
        self.restore_fresh_model()
        textures = tuple(sorted({*before, *self._apply(perturbation)}))
        self._edited = {name: getattr(self.model, name).copy() for name in self._pristine}
        return textures

    def _apply(self, perturbation: Perturbation) -> tuple[int, ...]:
        try:
            return self._editor.apply(perturbation)
        except KeyError as error:
            raise MachineError(
                f"{self.files.bddl.stem} cannot be perturbed: {error.args[0]}",
                "are these LIBERO's and LIBERO-Plus's assets? gridseval assets verify",
            ) from error

    def post_process(self) -> None:
        """Let LIBERO update what shows a state, such as the stove's glow (``site_rgba``)."""
        self.env._post_process()

    def is_success(self) -> bool:
        """Evaluate the goal on the present state, contacts included."""
        return bool(self.env._check_success())

    def predicates_hold(self) -> tuple[bool, ...]:
        """Evaluate each of the goal's predicates on the present state."""
        goal = self.env.parsed_problem["goal_state"]
        return tuple(bool(self.env._eval_predicate(atom)) for atom in goal)

    def close(self) -> None:
        """Free the model."""
        self.env.sim = None


def _compile(files: TaskFiles) -> tuple[Any, dict[str, Float]]:
    """Construct LIBERO's environment, and copy from the model what placement is about to change."""
    libero_envs = import_libero_with(files.code)
    pristine: dict[str, Float] = {}
    try:
        with (
            asset_root(files.assets),
            added_objects(files.added),
            borrowed_numpy_rng(),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            env = _construct(libero_envs, files, pristine)
    except (MachineError, MemoryError):  # a lack of memory is not the assets' fault
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        if foreign := foreign_packages():  # another checkout is likelier at fault than the assets
            raise MachineError(
                f"{files.bddl.stem} cannot be built: {reason}; {foreign[0].sentence}",
                foreign[0].cure,
            ) from error
        raise MachineError(
            f"{files.bddl.stem} cannot be built from the assets in {files.assets}: {reason}",
            "check the assets: gridseval doctor",
        ) from error
    return env, pristine


def _construct(libero_envs: Any, files: TaskFiles, pristine: dict[str, Float]) -> Any:
    import robosuite

    problem = read_bddl(files.bddl)
    env_class = libero_envs.TASK_MAPPING.get(problem.problem)
    if env_class is None:
        raise MachineError(
            f"{files.bddl} names the problem {problem.problem!r}, which LIBERO does not have",
            did_you_mean(problem.problem, sorted(libero_envs.TASK_MAPPING)),
        )
    env = env_class.__new__(env_class)

    def initialize_sim(self: Any, xml_string: str | None = None) -> None:
        xml = xml_string or self.model.get_xml()
        check_model(xml, (files.assets, *files.roots, Path(robosuite.models.assets_root)))
        env_class._initialize_sim(self, xml)
        model = self.sim.model._model
        for name in ("body_pos", "body_quat", "site_rgba"):
            pristine[name] = getattr(model, name).copy()

    def setup_camera(self: Any, mujoco_arena: Any) -> None:
        env_class._setup_camera(self, mujoco_arena)  # the first to get the arena when it is made
        for name, path in files.textures:
            mujoco_arena.asset.find(f"./texture[@name='{name}']").set("file", str(path))

    env._initialize_sim = types.MethodType(initialize_sim, env)
    env._setup_camera = types.MethodType(setup_camera, env)
    with problem_text(problem_with(problem.text, files.distractors)) as name:
        env.__init__(name, **_arguments(files))
    return env


def _arguments(files: TaskFiles) -> dict[str, Any]:
    """Return LIBERO's own arguments, but without rendering: images are drawn elsewhere."""
    import robosuite

    return {
        "robots": ["Panda"],
        "controller_configs": robosuite.load_controller_config(default_controller="OSC_POSE"),
        "gripper_types": "default",
        "initialization_noise": None,
        "use_camera_obs": False,
        "has_renderer": False,
        "has_offscreen_renderer": False,
        "control_freq": CONTROL_HZ,
        "horizon": 1000,
        "ignore_done": False,
        "hard_reset": False,
        "camera_names": ["agentview", "robot0_eye_in_hand"],
        "camera_heights": 256,
        "camera_widths": 256,
        "scene_xml": None if files.arena is None else str(files.arena),
    }


def _stored_numbers(model: Any) -> NDArray[np.bool_]:
    """Return which of time, qpos and qvel initial states store: not those of added objects."""
    stored = np.ones(1 + model.nq + model.nv, dtype=bool)
    for joint in range(model.njnt):
        if distractor_joint(model.joint(joint).name):
            position, speed = model.jnt_qposadr[joint], model.jnt_dofadr[joint]
            stored[1 + position : 8 + position] = False
            stored[1 + model.nq + speed : 7 + model.nq + speed] = False
    return stored


def _disable_sensors(model: Any) -> None:
    """Switch off force and torque sensors: they feed no dynamics, and no observation shows them."""
    import mujoco

    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_SENSOR
