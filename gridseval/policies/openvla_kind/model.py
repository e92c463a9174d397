"""Loads the vision-language model of OpenVLA's family; its code lies in the checkpoint."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridseval.errors import PolicyError

_CLASSES = ("AutoModelForVision2Seq", "AutoModelForImageTextToText", "AutoModel")


@dataclass(frozen=True)
class LoadedModel:
    """A model and its processor.

    Attributes:
        model: With ``predict_action``, in evaluation mode.
        processor: From a prompt and an image to the model's inputs.
        device: Where it runs.
        dtype: Its parameters' torch dtype.
    """

    model: Any
    processor: Any
    device: str
    dtype: Any

    def inputs(self, prompt: str, image: Any) -> Any:
        """Return the model's inputs for a prompt and a PIL image."""
        return self.processor(prompt, image).to(self.device, dtype=self.dtype)


def load_model(
    folder: Path, config: Mapping[str, Any], trusted: bool, device: str, dtype: str
) -> LoadedModel:
    """Return the model of a checkpoint.

    Args:
        folder: With weights in safetensors and the model's code.
        config: Its ``config.json``.
        trusted: Whether that code may run.
        device: A torch device.
        dtype: ``"bfloat16"``, ``"float16"`` or ``"float32"``.

    Raises:
        PolicyError: The code may not run, transformers is missing, loading fails, or some
            parameter is not the checkpoint's (names the first few).
    """
    reference = _class_reference(folder, config)
    if not trusted:
        raise PolicyError(
            f"{folder} brings the model's code ({reference}), which would run on this machine",
            "read it, then allow it with --trust-remote-code",
        )
    modules, transformers = (_import(name) for name in ("dynamic_module_utils", ""))
    import torch

    from gridseval.policies.openvla_kind.heads import check_complete

    kind = getattr(torch, dtype, None)
    if dtype not in ("bfloat16", "float16", "float32") or kind is None:
        raise PolicyError(f"dtype {dtype!r} is not bfloat16, float16 or float32")
    try:
        model_class = modules.get_class_from_dynamic_module(reference, str(folder))
        model, said = model_class.from_pretrained(
            str(folder),
            torch_dtype=kind,
            use_safetensors=True,
            local_files_only=True,
            # Told below instead, by name.
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
        processor = transformers.AutoProcessor.from_pretrained(
            str(folder), trust_remote_code=True, local_files_only=True
        )
    except Exception as error:  # the checkpoint's own code may raise anything
        raise PolicyError(
            f"cannot load {folder}: {type(error).__name__}: {' '.join(str(error).split())[:400]}",
            "OpenVLA's code wants transformers 4.40 and timm 0.9: serve it from an environment of "
            "its own (gridseval serve); --debug shows the traceback",
        ) from error
    reshaped = [
        f"{key} {tuple(found)} instead of {tuple(own)}"
        for key, found, own in said["mismatched_keys"]
    ]
    check_complete(folder, said["missing_keys"], said["unexpected_keys"], reshaped)
    if said["error_msgs"]:
        raise PolicyError(f"cannot load {folder}: {' '.join(str(said['error_msgs'][0]).split())}")
    if not callable(getattr(model, "predict_action", None)):
        raise PolicyError(f"{folder}: {reference} has no method predict_action()")
    return LoadedModel(model.to(device).eval(), processor, device, kind)


def is_plain(model: Any) -> bool:
    """Return whether a model's language model is of transformers, and so sees every token."""
    language_model = getattr(model, "language_model", None)
    return type(language_model).__module__.startswith("transformers.models.")


def _class_reference(folder: Path, config: Mapping[str, Any]) -> str:
    """Return ``module.Class`` of the checkpoint's own code."""
    named = config.get("auto_map")
    for name in _CLASSES:
        reference = named.get(name) if isinstance(named, dict) else None
        if isinstance(reference, str):
            # "owner/repository--module.Class" names code on the hub; here the folder's own counts.
            return reference.rpartition("--")[2]
    raise PolicyError(
        f"{folder / 'config.json'} names no model class under auto_map",
        "OpenVLA's checkpoints name AutoModelForVision2Seq",
    )


def _import(name: str) -> Any:
    try:
        return importlib.import_module(f"transformers.{name}" if name else "transformers")
    except ImportError as error:
        raise PolicyError(
            f"OpenVLA's family needs the package transformers: {error}", "install it"
        ) from error
