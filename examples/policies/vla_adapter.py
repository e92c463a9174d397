r"""VLA-Adapter (OpenHelix-Team/VLA-Adapter, read at commit 838a36d), from its own environment.

The environment: upstream's ``our_envs.txt`` (its fork of transformers, TensorFlow) and
``pip install gridseval/serve``; LIBERO is not needed there::

    PYTHONPATH=VLA-Adapter gridseval serve --policy examples/policies/vla_adapter.py:VlaAdapter \
        --ckpt FOLDER

    gridseval run --suite libero_object --ckpt ws://127.0.0.1:8000

Upstream's loader writes into FOLDER: it sets ``auto_map`` in config.json and puts its own
modeling_prismatic.py there (keeping backups). No code of FOLDER runs.

As ``experiments/robot/libero/run_libero_eval.py`` does: its own functions resize, crop, prompt,
normalise the state and predict; the key of the statistics is the suite's, or with ``_no_noops``;
the gripper is inverted; all 8 steps are executed.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
from recipe_parts import imported

from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk, EnvironmentNeeds, Observations
from gridseval.policies.cards import load_card
from gridseval.policies.openvla_kind.normalisation import choose_key

if TYPE_CHECKING:
    from gridseval.suites import Episode

STATE_SIZE = 8


class VlaAdapter:
    """VLA-Adapter: two images, state and instruction in, a chunk of eight actions out.

    Args:
        checkpoint: A folder with the model, ``action_head--*``, ``proprio_projector--*`` and
            ``dataset_statistics.json``.
        pro: Whether it is one of the Pro checkpoints, whose action head is another one.
        unnorm_key: Key of the statistics; by default the suite's.

    Raises:
        PolicyError: Upstream's code cannot be imported, or takes another robot for the one meant.
    """

    batches = False
    observation_keys = ("agentview", "wrist", "state")

    def __init__(self, checkpoint: str, pro: bool = True, unnorm_key: str | None = None) -> None:
        constants = imported("prismatic.vla.constants", "VLA-Adapter")
        if constants.ROBOT_PLATFORM != "LIBERO":
            # Upstream looks for names of robots in the words of the command line.
            raise PolicyError(
                f"upstream takes this command line for {constants.ROBOT_PLATFORM}'s",
                "let the checkpoint's path contain the word libero, and no other robot's",
            )
        self._robot = imported("experiments.robot.robot_utils", "VLA-Adapter")
        self._parts = imported("experiments.robot.openvla_utils", "VLA-Adapter")
        self._card = load_card("vla_adapter")
        self._settings = _settings(checkpoint, pro, self._card.replan)
        self._model = self._robot.get_model(self._settings)
        self._model.set_version(self._settings.save_version)
        width = self._model.llm_dim
        self._proprio = self._parts.get_proprio_projector(
            self._settings, width, proprio_dim=STATE_SIZE
        )
        self._head = self._parts.get_action_head(self._settings, width)
        self._processor = self._parts.get_processor(self._settings)
        self._px = self._robot.get_image_resize_size(self._settings)
        self._asked_key = unnorm_key
        if unnorm_key is not None:
            choose_key(self._model.norm_stats, "", unnorm_key)
        self._keys: dict[int, str] = {}
        self.replan = self._card.replan
        self.needs = EnvironmentNeeds(protocol=self._card.protocol)
        self.image_mapping = self._card.image.mapping()
        self.details = {"card": self._card.conventions()}
        self.notes = (f"upstream's loader wrote its code and auto_map into {checkpoint}",)

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Choose the statistics of the episodes' suite.

        Raises:
            PolicyError: The checkpoint has none.
        """
        for slot, episode in zip(slots, episodes, strict=True):
            self._keys[slot] = choose_key(self._model.norm_stats, episode.suite, self._asked_key)

    def act(self, observations: Observations) -> ActionChunk:
        """Return one slot's actions, float32 (1, 8, 7)."""
        resize = self._parts.resize_image_for_policy
        seen = {
            "full_image": resize(observations["agentview"][0], self._px),
            "wrist_image": resize(observations["wrist"][0], self._px),
            "state": np.asarray(observations["state"][0], np.float64),
        }
        self._settings.unnorm_key = self._keys[int(observations["slots"][0])]
        actions = self._robot.get_action(
            self._settings,
            self._model,
            seen,
            observations["instruction"][0],
            processor=self._processor,
            action_head=self._head,
            proprio_projector=self._proprio,
            noisy_action_projector=None,
            use_film=False,
            use_minivlm=True,
        )
        chunk = np.asarray(actions, np.float32)[None]
        return ActionChunk(self._card.gripped(chunk))


def _settings(checkpoint: str, pro: bool, steps: int) -> SimpleNamespace:
    """Return what upstream's functions read of its configuration, with its defaults."""
    return SimpleNamespace(
        model_family="openvla",
        pretrained_checkpoint=checkpoint,
        load_in_8bit=False,
        load_in_4bit=False,
        use_film=False,
        use_l1_regression=True,
        use_proprio=True,
        use_minivlm=True,
        use_pro_version=pro,
        save_version="vla-adapter",
        num_images_in_input=2,
        center_crop=True,
        num_open_loop_steps=steps,
        unnorm_key="",
    )
