"""Loads the vision-language model of OpenVLA's family; its code lies in the checkpoint."""

from __future__ import annotations

import importlib
import json
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


def load_model(folder: Path, trusted: bool, device: str, dtype: str) -> LoadedModel:
    """Return the model of a checkpoint.

    Args:
        folder: With ``config.json``, weights in safetensors and the model's code.
        trusted: Whether that code may run.
        device: A torch device.
        dtype: ``"bfloat16"``, ``"float16"`` or ``"float32"``.

    Raises:
        PolicyError: The code may not run, transformers is missing, or loading fails.
    """
    reference = _class_reference(folder)
    if not trusted:
        raise PolicyError(
            f"{folder} brings the model's code ({reference}), which would run on this machine",
            "read it, then allow it with --trust-remote-code",
        )
    modules, transformers = (_import(name) for name in ("dynamic_module_utils", ""))
    import torch

    kind = getattr(torch, dtype, None)
    if dtype not in ("bfloat16", "float16", "float32") or kind is None:
        raise PolicyError(f"dtype {dtype!r} is none of bfloat16, float16 and float32")
    try:
        model_class = modules.get_class_from_dynamic_module(reference, str(folder))
        model = model_class.from_pretrained(
            str(folder), torch_dtype=kind, use_safetensors=True, local_files_only=True
        )
        processor = transformers.AutoProcessor.from_pretrained(
            str(folder), trust_remote_code=True, local_files_only=True
        )
    except Exception as error:  # the checkpoint's own code may raise anything
        raise PolicyError(
            f"cannot load {folder}: {type(error).__name__}: {' '.join(str(error).split())[:400]}",
            "OpenVLA's code wants transformers 4.40 and timm 0.9: serve it from an environment of "
            "its own (gridseval serve); see where with --debug",
        ) from error
    if not callable(getattr(model, "predict_action", None)):
        raise PolicyError(f"{folder}: {reference} has no method predict_action()")
    return LoadedModel(model.to(device).eval(), processor, device, kind)


def is_plain(model: Any) -> bool:
    """Return whether a model's language model is of transformers, and so sees every token."""
    language_model = getattr(model, "language_model", None)
    return type(language_model).__module__.startswith("transformers.models.")


def _class_reference(folder: Path) -> str:
    """Return ``module.Class`` of the checkpoint's own code."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise PolicyError(f"cannot read {folder / 'config.json'}: {error}") from error
    named = config.get("auto_map") if isinstance(config, dict) else None
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
