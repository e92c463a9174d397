r"""NORA (declare-lab/nora, read at commit 6b18c23), served from its own environment.

The environment: upstream's ``inference/requirements.txt`` (torch 2.4.0, transformers 4.50.0,
qwen_vl_utils) and ``pip install gridseval/serve``. ``nora_utils.py`` is a file of
``experiments/libero``, hence PYTHONPATH. Its loader fetches the FAST tokenizer
(``physical-intelligence/fast``) and ``declare-lab/nora``'s norm_stats.json from the hub::

    PYTHONPATH=nora/experiments/libero gridseval serve --policy examples/policies/nora.py:Nora \
        --ckpt FOLDER_OR_HUB_ID --trust-remote-code

    gridseval run --suite libero_object --ckpt ws://127.0.0.1:8000

As ``experiments/libero/run_libero_eval_nora.py`` does: agentview alone, the instruction as it is,
the key of the statistics named after the suite, a gripper that closes at exactly 0.5, all steps of
a chunk. Its ``libero_utils.py`` is empty in the repository; the names are those of OpenVLA's file,
so the image chain is OpenVLA's: JPEG, Lanczos to 224 px (no crop: the script never does one).

What differs: upstream counts a chunk as one of at most 500 steps and looks for success after whole
chunks only. LIBERO's own horizon of 1,000 steps ends its episodes before that, hence the 990 of
protocol ``nora``. gridseval looks for success after every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from recipe_parts import check_trust, closed_at_zero, imported

from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk, EnvironmentNeeds, Observations
from gridseval.policies.cards import load_card
from gridseval.policies.openvla_kind.normalisation import choose_key

if TYPE_CHECKING:
    from gridseval.suites import Episode


class Nora:
    """NORA and NORA-LONG: one image and the instruction in, a chunk of actions out.

    Args:
        checkpoint: A folder, or an id of the hub such as
            ``declare-lab/nora-long-finetuned-libero-object``.
        trust_remote_code: Upstream's loader runs the FAST tokenizer's code, and any that the
            checkpoint's processor brings.
        chunk: Steps that the checkpoint was trained to predict: 5 for NORA-LONG's, 1 for NORA's.
        device: A torch device; by default upstream chooses.
        unnorm_key: Key of upstream's statistics of LIBERO; by default the suite's.

    Raises:
        PolicyError: Upstream's code cannot be imported or may not run what it runs, or there is no
            such key.
    """

    batches = False
    reads_addresses = True  # ids of the hub
    observation_keys = ("agentview",)
    replan: int | None = None  # the whole chunk

    def __init__(
        self,
        checkpoint: str,
        trust_remote_code: bool = False,
        chunk: int = 5,
        device: str | None = None,
        unnorm_key: str | None = None,
    ) -> None:
        if chunk < 1:
            raise PolicyError(f"chunk must be at least 1, not {chunk}")
        check_trust(trust_remote_code, "NORA", "the FAST tokenizer's code from the hub")
        upstream = imported("nora_utils", "nora/experiments/libero")
        self._model = upstream.Nora(model_path=checkpoint, device=device)
        self._model.fast_tokenizer.time_horizon = chunk
        self._card = load_card("nora")
        self._asked_key = unnorm_key
        if unnorm_key is not None:
            choose_key(self._model.libero_keys, "", unnorm_key)
        self._keys: dict[int, str] = {}
        self.needs = EnvironmentNeeds(protocol=self._card.protocol)
        self.image_mapping = self._card.image.mapping()
        self.details = {"card": self._card.conventions()}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Choose the statistics of the episodes' suite.

        Raises:
            PolicyError: Upstream has none.
        """
        for slot, episode in zip(slots, episodes, strict=True):
            self._keys[slot] = choose_key(self._model.libero_keys, episode.suite, self._asked_key)

    def act(self, observations: Observations) -> ActionChunk:
        """Return one slot's actions, float32 (1, chunk, 7)."""
        image = self._card.image.apply(observations["agentview"])[0]
        key = self._keys[int(observations["slots"][0])]
        actions = self._model.inference(image, observations["instruction"][0], key)
        chunk = np.asarray(actions, np.float32)[None]
        return ActionChunk(closed_at_zero(self._card.gripped(chunk)))
