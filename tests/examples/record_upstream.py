"""Records what the models' own LIBERO evaluations execute, for ``test_recorded_recipes.py``.

Their evaluation scripts run as they are, from bare mirrors of their repositories; the simulator,
the networks and the weights are doubles. The environment's frames and states follow from the step,
the networks' answers from the query's number (``upstream/scripted.py``), so the recorded actions
show everything between the two: images, prompts, scaling, grippers, chunks, means over queries,
seeds and step limits.

To record again (recorded on 2026-11-28 with TensorFlow 2.15.1 and torch 2.13.0, the last with
OpenCV 5.0.0)::

    OUT=tests/examples/recorded.json
    python tests/examples/record_upstream.py MIRRORS $OUT nora worldvla vla_adapter univla
    python tests/examples/record_upstream.py MIRRORS $OUT internvla_m1

MIRRORS holds ``OWNER+NAME/repo``, bare repositories with the commits named below. The first line
needs TensorFlow, torch and huggingface_hub, the second OpenCV, and both numpy, Pillow and tqdm.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
from scripted import INTERNVLA_STATISTICS, internvla_said, scripted, smooth_frame
from upstream_doubles import (
    HERE,
    KEPT,
    PROPRIO,
    STATISTICS,
    Enough,
    check_out,
    doubles,
    simulator,
    thinned,
    told,
)


def nora(mirrors: Path, folder: Path) -> dict[str, Any]:
    """Record experiments/libero/run_libero_eval_nora.py; two empty files of it are OpenVLA's."""
    check_out(mirrors, "declare-lab/nora", "6b18c23", folder, "experiments/libero")
    check_out(mirrors, "openvla/openvla", "c8f03f4", folder, "experiments/robot")
    simulator()
    doubles("transformers", "qwen_vl_utils", "experiments.robot.openvla_utils")
    sys.path.insert(0, str(folder))
    for name in ("robot_utils", "libero.libero_utils"):
        module = importlib.import_module(f"experiments.robot.{name}")
        sys.modules[name.rpartition(".")[2]] = module
    asked: list[tuple[Any, str]] = []

    class Processor:
        def apply_chat_template(self, messages: Any, **given: Any) -> str:
            image, text = messages[0]["content"]
            assert (image["resized_height"], image["resized_width"]) == (224, 224)
            asked.append((image["image"], text["text"]))
            return ""

        def __call__(self, **given: Any) -> dict[str, Any]:
            return {}

    class Fast:
        time_horizon = action_dim = 0

        def decode(self, tokens: Any) -> Any:
            return scripted(len(asked) - 1, self.time_horizon)[None]

    import torch
    import transformers

    made = {"physical-intelligence/fast": Fast()}
    transformers.AutoProcessor.from_pretrained = lambda name, **given: made.get(name, Processor())
    model = MagicMock()
    model.generate = lambda: torch.tensor([[1, 151665, 151700]])
    transformers.Qwen2_5_VLForConditionalGeneration = SimpleNamespace(
        from_pretrained=lambda name, torch_dtype: model
    )
    transformers.GenerationConfig.from_pretrained = lambda name: SimpleNamespace()
    (folder / "norm_stats.json").write_text("{}")
    importlib.import_module("qwen_vl_utils").process_vision_info = lambda messages: (None, None)
    importlib.import_module("huggingface_hub").hf_hub_download = lambda repo_id, filename: str(
        folder / filename
    )
    sys.path.insert(0, str(folder / "experiments" / "libero"))
    script = importlib.import_module("run_libero_eval_nora")
    script.eval_libero(script.GenerateConfig(num_trials_per_task=1, local_log_dir=str(folder)))
    return told(prompts=[text for _, text in asked[:2]], image=thinned(asked[0][0]))


def worldvla(mirrors: Path, folder: Path) -> dict[str, Any]:
    """Record worldvla/eval_solver_libero_256.py, ``Solver.val_libero``."""
    commit = "6a9af0811df9663de1f6da765f865f18d3787201"
    paths = ("worldvla/eval_solver_libero_256.py", "worldvla/libero_util")
    check_out(mirrors, "alibaba-damo-academy/WorldVLA", commit, folder, *paths)
    simulator()
    doubles("model", "xllmx", "accelerate", "data", "torch.utils.tensorboard")
    asked: list[dict[str, Any]] = []
    pending: list[dict[str, Any]] = []

    class Solver:
        pass

    class Processor:
        def __init__(self, target_size: int) -> None:
            self.px = target_size

        def process_item(self, item: Any, training_mode: bool) -> list[int]:
            frames = [np.asarray(image) for image in item["image"]]
            (turn,) = item["conversations"]
            pending.append({"prompt": turn["value"], "frames": frames, "px": self.px})
            return [1]

    import torch

    class Model:
        device = torch.device("cpu")
        config = SimpleNamespace(max_position_embeddings=8192)

        def generate_dis_ma(self, input_ids: Any, generation_config: Any) -> list[Any]:
            assert generation_config.do_sample is False
            asked.append({**pending.pop(), "tokens": generation_config.max_new_tokens})
            said = scripted(len(asked) - 1, 5)
            return [torch.tensor(row, dtype=torch.float32) for row in said]

        def to(self, device: Any) -> Model:
            return self

        def eval(self) -> None:
            pass

    importlib.import_module("xllmx.solvers.pretrain").PretrainSolverBase = Solver
    importlib.import_module("data.pre_tokenize_action").ItemProcessor = Processor
    sys.path.insert(0, str(folder / "worldvla"))
    script = importlib.import_module("eval_solver_libero_256")
    solver = script.Solver.__new__(script.Solver)
    solver._model_func = lambda path: (Model(), None)
    solver.args = SimpleNamespace(
        resume_path="",
        device=0,
        task_suite_name="libero_object",
        half=0,
        his="2h_1a_img_only",
        action_steps=25,
        output_dir=str(folder),
    )
    script.args = solver.args  # which it reads as a script would
    with contextlib.suppress(Enough):
        solver.val_libero()
    numbers = [
        [
            next(n for n in range(KEPT) if np.array_equal(frame, smooth_frame(n)))
            for frame in one["frames"]
        ]
        for one in asked[:4]
    ]
    return told(
        prompts=[one["prompt"] for one in asked[:2]],
        frames=numbers,
        processor_px=asked[0]["px"],
        most_tokens=asked[0]["tokens"],
    )


class Inputs(dict):  # type: ignore[type-arg]
    """What a processor returns; it moves nowhere."""

    def to(self, *where: Any, **given: Any) -> Inputs:
        return self


def _vla(folder: Path, **methods: Any) -> Any:
    """Return a double of OpenVLA's model and let upstream's loader find it."""
    import torch
    import transformers

    vla = MagicMock(**methods)
    vla.to.return_value, vla.device, vla.llm_dim = vla, torch.device("cpu"), 896
    transformers.AutoModelForVision2Seq.from_pretrained = lambda *where, **given: vla
    for name in ("AutoConfig", "AutoImageProcessor", "AutoProcessor", "AutoModelForVision2Seq"):
        getattr(transformers, name).register = lambda *given: None
    known = {"libero_object_no_noops": {"action": STATISTICS, "proprio": PROPRIO}}
    (folder / "dataset_statistics.json").write_text(json.dumps(known))
    (folder / "config.json").write_text("{}")
    vla.get_action_stats = lambda key: known[key]["action"]
    return vla


def vla_adapter(mirrors: Path, folder: Path) -> dict[str, Any]:
    """Record experiments/robot/libero/run_libero_eval.py of VLA-Adapter."""
    check_out(
        *(mirrors, "OpenHelix-Team/VLA-Adapter", "838a36da195daf3e8b8a53520c8c7ce86231b6d9"),
        *(folder, "experiments/robot", "prismatic/vla/constants.py"),
    )
    constants = folder / "prismatic" / "vla" / "constants.py"
    simulator()
    doubles("transformers", "json_numpy", "prismatic")
    module = ModuleType("prismatic.vla.constants")
    exec(compile(constants.read_text(), str(constants), "exec"), module.__dict__)
    sys.modules["prismatic.vla.constants"] = module
    normalisation = importlib.import_module("prismatic.vla.datasets.rlds.utils.data_utils")
    normalisation.NormalizationType = module.NormalizationType
    shown: list[tuple[str, Any]] = []
    queries: list[Any] = []

    import torch

    def processor(prompt: str, image: Any) -> Inputs:
        shown.append((prompt, image))
        return Inputs(pixel_values=torch.zeros(1, 1))

    def predict_action(**given: Any) -> tuple[Any, None]:
        assert given["unnorm_key"] == "libero_object_no_noops"
        assert given["pixel_values"].shape == (1, 2)
        queries.append(given)
        return (scripted(len(queries) - 1, 8) + 1) / 2, None

    vla = _vla(folder, predict_action=predict_action)
    import transformers

    transformers.AutoProcessor.from_pretrained = lambda *where, **given: processor
    hub = importlib.import_module("huggingface_hub")
    hub.HfApi = MagicMock(side_effect=OSError("offline"))
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    script = importlib.import_module("experiments.robot.libero.run_libero_eval")
    script.get_proprio_projector = lambda cfg, width, proprio_dim: ("projector", width, proprio_dim)
    script.get_action_head = lambda cfg, width: ("head", width, cfg.use_pro_version)
    settings = script.GenerateConfig(
        pretrained_checkpoint=str(folder),
        task_suite_name="libero_object",
        num_trials_per_task=1,
        local_log_dir=str(folder),
    )
    script.eval_libero(settings)
    vla.set_version.assert_called_once_with("vla-adapter")
    return told(
        prompts=[prompt for prompt, _ in shown[:2]],
        image=thinned(shown[0][1]),
        wrist_image=thinned(shown[1][1]),
    )


def univla(mirrors: Path, folder: Path) -> dict[str, Any]:
    """Record experiments/robot/libero/run_libero_eval.py of UniVLA; the decoder's net is scripted.

    Its sampled tokens are those of the query's number: 32001 + number, + 1, + 2 and + 3.
    """
    commit = "0ab9e9dd3074ffa14fdd1a00aa2aa84e4f8e1352"
    check_out(mirrors, "OpenDriveLab/UniVLA", commit, folder, "experiments/robot")
    simulator()
    doubles("transformers", "prismatic")
    import torch
    import transformers

    shown: list[tuple[str, Any]] = []
    sampling: list[dict[str, Any]] = []

    def processor(prompt: str, image: Any) -> Inputs:
        shown.append((prompt, image))
        return Inputs(input_ids=torch.zeros(1, 1))

    def predict_latent_action(**given: Any) -> tuple[Any, Any, Any]:
        sampling.append({k: given[k] for k in ("do_sample", "temperature", "top_p", "unnorm_key")})
        first = 32001 + len(sampling) % 20
        tokens = torch.arange(first, first + 4)[None]
        return torch.zeros(1, 4, 8), torch.zeros(1, 256, 8), tokens

    _vla(folder, predict_latent_action=predict_latent_action)
    transformers.AutoProcessor.from_pretrained = lambda *where, **given: processor
    sys.path.insert(0, str(folder))
    script = importlib.import_module("experiments.robot.libero.run_libero_eval")

    class Head(torch.nn.Module):
        def __init__(self, window_size: int) -> None:
            super().__init__()
            self.window = window_size

        def forward(self, latent: Any, visual: Any) -> Any:
            said = scripted(len(sampling) - 1, self.window)
            return torch.tensor(said, dtype=torch.float32).reshape(1, -1)

    whole: list[Any] = []
    resized = script.get_libero_image
    script.get_libero_image = lambda obs, px: whole.append(resized(obs, px)) or whole[-1]
    script.ActionDecoderHead = Head
    script.ActionDecoder.cuda = lambda self: self
    torch.save({}, folder / "action_decoder.pt")
    settings = script.GenerateConfig(
        pretrained_checkpoint=str(folder),
        action_decoder_path=str(folder / "action_decoder.pt"),
        task_suite_name="libero_object",
        num_trials_per_task=1,
        local_log_dir=str(folder),
    )
    script.eval_libero(settings)
    return told(
        prompts=[prompt for prompt, _ in shown[:3]],
        image=thinned(whole[0]),
        cropped_image=thinned(shown[0][1]),
        sampling=sampling[0],
    )


def internvla_m1(mirrors: Path, folder: Path) -> dict[str, Any]:
    """Record examples/LIBERO/eval_libero.py of InternVLA-M1, as StarVLA's history holds it."""
    commit = "744d62100a56d9ccdd3db534daa3376c6dcc25ce"
    check_out(mirrors, "starVLA/starVLA", commit, folder, "examples/LIBERO", "examples/SimplerEnv")
    simulator()
    doubles("InternVLA", "deployment")

    asked: list[Any] = []

    class Client:
        def __init__(self, host: str, port: int) -> None:
            pass

        def infer(self, request: Any) -> Any:
            asked.append(request)
            return {"data": {"normalized_actions": internvla_said(len(asked) - 1)[None]}}

    tools = importlib.import_module("deployment.model_server.tools.websocket_policy_client")
    tools.WebsocketClientPolicy = Client
    importlib.import_module("InternVLA.model.framework.share_tools").read_mode_config = (
        lambda path: ({}, INTERNVLA_STATISTICS)
    )
    sys.path.insert(0, str(folder))
    script = importlib.import_module("examples.LIBERO.eval_libero")
    script.eval_libero(
        script.Args(
            task_suite_name="libero_object", num_trials_per_task=1, video_out_path=str(folder)
        )
    )
    first = dict(asked[0])
    ((image,),) = first.pop("batch_images")
    return told(request=first, image=thinned(image))


FAMILIES = (nora, worldvla, vla_adapter, univla, internvla_m1)


def main(mirrors: Path, out: Path, *names: str) -> None:
    """Record families, each in a process of its own, for their modules share names."""
    if len(names) != 1:
        for name in names or [record.__name__ for record in FAMILIES]:
            subprocess.run([sys.executable, __file__, str(mirrors), str(out), name], check=True)
        return
    (record,) = (it for it in FAMILIES if it.__name__ == names[0])
    out = out.resolve()
    with tempfile.TemporaryDirectory() as folder:
        found = record(mirrors.resolve(), Path(folder))
        os.chdir(HERE)
    before = json.loads(out.read_text()) if out.exists() else {}
    lines = [f'"{key}": {json.dumps(value)}' for key, value in {**before, names[0]: found}.items()]
    out.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]), *sys.argv[3:])
