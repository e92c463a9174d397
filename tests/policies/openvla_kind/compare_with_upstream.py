"""Compare gridseval with upstream's own evaluation, from raw observation to final action.

Run by hand, in an environment of Python 3.11 with tensorflow-cpu 2.15, torch, torchvision, timm
0.9.10, tokenizers 0.19.1, peft 0.11.1, diffusers, draccus, json-numpy, imageio, accelerate, what
``serve/pyproject.toml`` names, and transformers 4.40.1: that of the registry for openvla, the fork
moojink/transformers-openvla-oft (bc339d9) for the others. From a checkout of the kind's repository
(openvla/openvla c8f03f4, moojink/openvla-oft 213c5ff, LiAutoAD/LightVLA a4680fd)::

    PYTHONPATH=.:GRIDSEVAL:GRIDSEVAL/tests/policies/openvla_kind python \\
        GRIDSEVAL/tests/policies/openvla_kind/compare_with_upstream.py KIND FRAMES.npz

KIND is openvla, openvla-oft or lightvla. A tiny checkpoint is written with upstream's classes, its
``get_action`` answers raw observations (frames as LIBERO renders them, from an npz with pairs
``NAME_agentview`` and ``NAME_wrist`` as gridseval observes them), its gripper steps follow, and
gridseval answers the same. Prints the largest difference.

``--keep FOLDER`` writes checkpoint and answers there; ``--from FOLDER`` compares with such answers,
for another transformers. ``--record FILE`` writes what upstream hands its processor and its model,
what the model answers and what is executed, for ``test_recorded_steps.py``; its frames are those of
``tests/policies/recorded/openvla_images.npz``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
import upstream_stubs
from numpy.typing import NDArray

SUITE = "libero_spatial"
ROW_STEP = 19
"""Of images every so many-th row is recorded."""
TASKS = ("Pick up the black bowl", "put BOTH the pots on the stove")


def observations(frames: Path) -> list[dict[str, Any]]:
    """Return raw observations as LIBERO's environment gives them."""
    held, rng = np.load(frames), np.random.default_rng(5)
    made = []
    for name in sorted(key.removesuffix("_wrist") for key in held if key.endswith("_wrist")):
        quaternion = rng.normal(size=4)
        made.append(
            {
                "agentview_image": held[f"{name}_agentview"][::-1, ::-1],
                "robot0_eye_in_hand_image": held[f"{name}_wrist"][::-1, ::-1],
                "robot0_eef_pos": rng.uniform(-0.5, 1.0, 3),
                "robot0_eef_quat": quaternion / np.linalg.norm(quaternion),
                "robot0_gripper_qpos": rng.uniform(-0.04, 0.04, 2),
            }
        )
    return made


def upstream_actions(kind: str, folder: Path, raw: list[Any], given: Any) -> NDArray[Any]:
    """Return (N, H, 7) by upstream's functions, gripper steps included."""
    from experiments.robot import openvla_utils, robot_utils
    from experiments.robot.libero import libero_utils

    if given.dtype == "float32":  # upstream's code names its precision in place
        single = types.ModuleType("torch")
        single.__getattr__ = lambda name: getattr(sys.modules["torch"], name)  # type: ignore[method-assign]
        single.bfloat16 = sys.modules["torch"].float32  # type: ignore[attr-defined]
        openvla_utils.torch = single
    cfg = types.SimpleNamespace(
        model_family="openvla",
        pretrained_checkpoint=str(folder),
        load_in_8bit=False,
        load_in_4bit=False,
        center_crop=not given.no_crop,
        unnorm_key=f"{SUITE}_no_noops",
        num_images_in_input=given.images,
        use_proprio=not given.no_proprio,
        use_film=given.film,
        lora_rank=given.rank,
        use_l1_regression=True,
        use_diffusion=False,
    )
    without_flash_attention()
    model = openvla_utils.get_vla(cfg)
    processor = openvla_utils.get_processor(cfg)
    more: dict[str, Any] = {}
    if kind != "openvla":
        more["action_head"] = openvla_utils.get_action_head(cfg, model.llm_dim)
        if cfg.use_proprio:
            more["proprio_projector"] = openvla_utils.get_proprio_projector(
                cfg, model.llm_dim, proprio_dim=8
            )
            more["proprio_projector"].eval()
        more["use_film"] = cfg.use_film
    watched = Watched(model, processor)
    processor = watched.process
    answers = []
    for number, seen in enumerate(raw):
        if kind == "openvla":
            prepared = {"full_image": libero_utils.get_libero_image(seen, 224)}
        else:
            prepared = {
                "full_image": openvla_utils.resize_image_for_policy(
                    libero_utils.get_libero_image(seen), 224
                ),
                "wrist_image": openvla_utils.resize_image_for_policy(
                    libero_utils.get_libero_wrist_image(seen), 224
                ),
                "state": state_of(seen),
            }
        task = TASKS[number % len(TASKS)]
        chunk = robot_utils.get_action(cfg, model, prepared, task, processor=processor, **more)
        chunk = [chunk] if kind == "openvla" else chunk
        answers.append(
            [
                robot_utils.invert_gripper_action(
                    robot_utils.normalize_gripper_action(np.array(action), binarize=True)
                )
                for action in chunk
            ]
        )
    if given.record:
        states = [state_of(seen) for seen in raw]
        np.savez_compressed(given.record, final=answers, states=states, **watched.recorded())
    return np.array(answers)


class Watched:
    """Notes what upstream's code hands to its processor and model, and what the model answers."""

    def __init__(self, model: Any, processor: Any) -> None:
        self._processor, self._predict = processor, model.predict_action
        self._prompts: list[str] = []
        self._images: list[Any] = []
        self._states: list[Any] = []
        self._raw: list[Any] = []
        model.predict_action = self.predict

    def process(self, prompt: str, image: Any) -> Any:
        self._prompts.append(prompt)
        self._images.append(np.asarray(image)[::ROW_STEP])
        return self._processor(prompt, image)

    def predict(self, **named: Any) -> Any:
        if named.get("proprio") is not None:
            self._states.append(np.array(named["proprio"]))
        answer = self._predict(**named)
        self._raw.append(np.array(answer[0] if isinstance(answer, tuple) else answer))
        return answer

    def recorded(self) -> dict[str, Any]:
        return {
            "prompts": self._prompts,
            "images": np.array(self._images),
            "normalised": np.array(self._states),
            "raw": np.array(self._raw),
        }


def state_of(seen: dict[str, Any]) -> NDArray[np.float64]:
    from experiments.robot.libero import libero_utils

    angle = libero_utils.quat2axisangle(seen["robot0_eef_quat"].copy())
    return np.concatenate((seen["robot0_eef_pos"], angle, seen["robot0_gripper_qpos"]))


def without_flash_attention() -> None:
    """OpenVLA asks for flash attention, which needs a GPU."""
    from transformers import AutoModelForVision2Seq

    whole = AutoModelForVision2Seq.from_pretrained.__func__

    def plain(cls: Any, *positional: Any, attn_implementation: str = "", **named: Any) -> Any:
        return whole(cls, *positional, **named)

    AutoModelForVision2Seq.from_pretrained = classmethod(plain)


def our_actions(kind: str, folder: Path, raw: list[Any], states: Any, given: Any) -> Any:
    """Return the same by gridseval."""
    from gridseval.policies import load_policy
    from gridseval.suites import Episode

    arguments = {"dtype": given.dtype} | dict(pair.split("=", 1) for pair in given.arguments)
    if given.no_crop:
        arguments["center_crop"] = "false"
    if kind != "openvla" and given.images != 2:
        arguments["images"] = str(given.images)
    loaded = load_policy(kind, str(folder), arguments, 7, trusted=True)
    details = {
        key: loaded.description.get(key)
        for key in ("attention", "indexing", "pruning", "images", "film")
    }
    say(f"gridseval: {details} {loaded.notes}")
    kept = kept_places(loaded)
    loaded.policy.reset([0], [Episode(SUITE, 0, 0)])
    answers = []
    for number, (seen, state) in enumerate(zip(raw, states, strict=True)):
        chunk = loaded.policy.act(
            {
                "slots": np.array([0]),
                "steps": np.array([0]),
                "instruction": (TASKS[number % len(TASKS)],),
                "agentview": seen["agentview_image"][None, ::-1, ::-1],
                "wrist": seen["robot0_eye_in_hand_image"][None, ::-1, ::-1],
                "state": state[None].astype(np.float32),
            }
        )
        answers.append(chunk.actions[0])
        if kept:
            traced = np.concatenate([camera.kept for camera in chunk.traces[0].cameras])
            same = np.array_equal(np.flatnonzero(traced), kept[-1])
            say(f"trace of {traced.sum()} tokens is what upstream's pruner kept: {same}")
    return np.array(answers)


def kept_places(loaded: Any) -> list[Any]:
    """Return a list that gets, at each query, the visual tokens that upstream's pruner let on."""
    kept: list[Any] = []
    model = loaded.policy._policy._loaded.model
    pruner = getattr(model.language_model.model, "pruner", None)

    def note(module: Any, _: Any, answer: Any) -> None:
        places = answer[1][0].numpy()
        kept.append(places[(places > 0) & (places <= module.num_patches)] - 1)

    if pruner is not None:
        pruner.register_forward_hook(note)
    return kept


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("openvla", "openvla-oft", "lightvla"))
    parser.add_argument("frames", type=Path)
    parser.add_argument("arguments", nargs="*", help="key=value of --policy-arg")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--no-proprio", action="store_true")
    parser.add_argument("--no-crop", action="store_true")
    parser.add_argument("--film", action="store_true")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--from", dest="source", type=Path)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    folder = given.source or given.keep or Path(tempfile.mkdtemp())
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_MODULES_CACHE"] = tempfile.mkdtemp()
    upstream_stubs.install()
    import upstream_checkpoint as made

    made.shrink_timm()
    raw = observations(given.frames)
    if given.source is None:
        folder.mkdir(exist_ok=True)
        model = made.write_model(folder, Path.cwd(), SUITE)
        if given.kind != "openvla":
            made.write_heads(folder, not given.no_proprio)
        if given.film:
            made.write_film(folder, model, given.rank)
        expected = upstream_actions(given.kind, folder, raw, given)
        states = np.array([state_of(seen) for seen in raw])
        np.savez(folder / "answers.npz", expected=expected, states=states)
    held = np.load(folder / "answers.npz")
    expected, states = held["expected"], held["states"]
    ours = our_actions(given.kind, folder, raw, states, given)
    apart = np.abs(ours - expected)
    say(f"{given.kind} {given.dtype}: {expected.shape}, range {np.ptp(expected[..., :6]):.3g}")
    say(f"largest difference {apart.max():.3g}, mean {apart.mean():.3g}")
    say(f"of the first six {apart[..., :6].max():.3g}; grippers {np.unique(expected[..., 6])}")


if __name__ == "__main__":
    main()
