r"""WorldVLA (alibaba-damo-academy/WorldVLA, read at commit 6a9af08), from its own environment.

The environment: upstream's ``environment.yml`` and ``pip install gridseval/serve``. Upstream's
files of Chameleon (tokenizer, base model) lie where its README puts them,
``worldvla/ckpts/chameleon``; they need a CUDA device::

    PYTHONPATH=WorldVLA:WorldVLA/worldvla gridseval serve \
        --policy examples/policies/worldvla.py:WorldVla --ckpt model_256/libero_object \
        --trust-remote-code

    gridseval run --suite libero_object --ckpt ws://127.0.0.1:8000

As ``worldvla/eval_solver_libero_256.py`` and its scripts do: frames as they are (256 or 512 px),
the frame of the step before beside the present one, the instruction as it is, every action that
the model generates, scaled from [−1, 1] by constants of all suites, the gripper as it comes.

Upstream ends an episode as failed where the model generates no whole action. Here the arm stands
still for the rest of such an episode, which then fails.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from recipe_parts import check_trust, imported

from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk, EnvironmentNeeds, Observations
from gridseval.policies.cards import load_card

if TYPE_CHECKING:
    from gridseval.suites import Episode

# Smallest and largest action of LIBERO's four suites, by which upstream scales all of them.
LOW = np.array([-0.9375, -0.9375, -0.9375, -0.32571429, -0.375, -0.375, -1.0])
HIGH = np.array([0.9375, 0.9375, 0.9375, 0.375, 0.375, 0.375, 1.0])

HISTORY = "2h_1a_img_only"  # --his of all of upstream's scripts: two images, nothing else
ACTIONS = 25  # --action_steps: most actions per query; the models generate 5 or 10
TOKENS = 8192  # --max_seq_len


class WorldVla:
    """WorldVLA's action model: two frames and the instruction in, a chunk of actions out.

    It is asked at every step, for it needs the frame before the one of its query, and hands out
    what the model generated one by one.

    Args:
        checkpoint: A folder of upstream's model zoo.
        trust_remote_code: Upstream's loader unpickles Chameleon's image tokenizer, vqgan.ckpt.
        px: Frame size that the checkpoint was trained on, 256 or 512; by default what the
            checkpoint's path says, as in ``model_256``.
        device: A torch device.

    Raises:
        PolicyError: Upstream's code cannot be imported or may not unpickle, or nothing says the
            frame size.
    """

    batches = False
    observation_keys = ("agentview",)
    replan = 1

    def __init__(
        self,
        checkpoint: str,
        trust_remote_code: bool = False,
        px: int | None = None,
        device: str = "cuda",
    ) -> None:
        import torch

        check_trust(trust_remote_code, "WorldVLA", "what Chameleon's vqgan.ckpt pickles")
        where = "WorldVLA and WorldVLA/worldvla"
        self._px = _told_px(checkpoint) if px is None else px
        models = imported("model", where)
        processing = imported("data.pre_tokenize_action", where)
        self._ask = imported("libero_util.Chameleon_utils", where).get_action_Chameleon_dis_awm_ck
        folder = Path(str(models.__file__)).parents[1]
        self._model = models.ChameleonXLLMXForConditionalGeneration_ck.from_pretrained(
            checkpoint,
            max_position_embeddings=TOKENS,
            mask_image_logits=False,
            dropout=0.05,
            z_loss_weight=1e-5,
            torch_dtype=torch.bfloat16,
            device_map="cpu",
        )
        self._model = self._model.to(torch.device(device))
        self._model.eval()
        # Upstream's scripts run below worldvla, and its processor opens ../ckpts from there.
        with _inside(folder / "data"):
            self._processor = processing.ItemProcessor(
                tokenizer=str(folder / "ckpts" / "chameleon" / "base_model"), target_size=self._px
            )
        self._episodes: dict[int, _Progress] = {}
        card = load_card("worldvla")
        protocol = "worldvla-512" if self._px == 512 else card.protocol
        self.needs = EnvironmentNeeds(protocol=protocol)
        self.details = {"card": card.conventions(), "px": self._px}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Forget the slots' frames and actions."""
        self._episodes |= {slot: _Progress() for slot, _ in zip(slots, episodes, strict=True)}

    def act(self, observations: Observations) -> ActionChunk:
        """Return one slot's next action, float32 (1, 1, 7).

        Raises:
            PolicyError: The frame has another size than the checkpoint was trained on.
        """
        frame = observations["agentview"][0]
        if frame.shape[:2] != (self._px, self._px):
            raise PolicyError(
                f"this WorldVLA was trained on frames of {self._px} px, not {frame.shape[0]}",
                "leave --protocol out, which then is this checkpoint's, or give another px",
            )
        action = self._next(
            self._episodes[int(observations["slots"][0])],
            Image.fromarray(frame),
            observations["instruction"][0],
        )
        return ActionChunk(action.astype(np.float32)[None, None])

    def _next(self, episode: _Progress, image: Image.Image, task: str) -> NDArray[np.float64]:
        if not episode.actions and not episode.failed:
            episode.actions.extend(self._generated(episode, image, task))
            episode.failed = not episode.actions
        if episode.failed or len(episode.actions[0]) < len(LOW):
            episode.failed = True
            return np.array([*[0.0] * 6, episode.gripper])
        action = episode.actions.popleft()
        episode.images.append(image)
        episode.done.append(action)
        scaled: NDArray[np.float64] = (action[: len(LOW)] + 1) / 2 * (HIGH - LOW + 1e-8) + LOW
        episode.gripper = float(scaled[6])
        return scaled

    def _generated(
        self, episode: _Progress, image: Image.Image, task: str
    ) -> list[NDArray[np.float32]]:
        """Return what the model generates, one array per action; empty for text without actions."""
        images, before = list(episode.images), list(episode.done)
        try:
            actions = self._ask(
                self._model, image, task, self._processor, images, before, HISTORY, ACTIONS
            )
        except UnboundLocalError:  # upstream's answer to an action's end without its beginning
            return []
        return [_as_array(action) for action in actions]


class _Progress:
    """What one episode has seen and will do.

    Attributes:
        images: The frames of the last three steps.
        done: The actions of the last three steps, as generated.
        actions: Generated actions that are not executed yet.
        gripper: The last gripper action; open at the beginning.
        failed: Whether the model generated something other than an action.
    """

    def __init__(self) -> None:
        self.images: deque[Image.Image] = deque(maxlen=3)
        self.done: deque[NDArray[np.float32]] = deque(maxlen=3)
        self.actions: deque[NDArray[np.float32]] = deque()
        self.gripper = -1.0
        self.failed = False


def _as_array(action: Any) -> NDArray[np.float32]:
    array: NDArray[np.float32] = action.cpu().float().detach().numpy()
    return array


def _told_px(checkpoint: str) -> int:
    last = "/".join(Path(checkpoint).resolve().parts[-2:])
    told = set(re.findall(r"(?<!\d)(?:256|512)(?!\d)", last))
    if len(told) != 1:
        raise PolicyError(
            f"{checkpoint} does not say whether it was trained on 256 or 512 px",
            "give --policy-arg px=256 or px=512",
        )
    return int(told.pop())


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
