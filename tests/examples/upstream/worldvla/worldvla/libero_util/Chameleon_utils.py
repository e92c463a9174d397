# ruff: noqa: N999 (upstream names the module so)
"""A double of WorldVLA's worldvla/libero_util/Chameleon_utils.py, as read at commit 6a9af08."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from scripted import scripted

ASKED: list[SimpleNamespace] = []
ANSWERS: list[Any] = []  # what to answer instead, or raise


def get_action_Chameleon_dis_awm_ck(  # noqa: N802 (upstream's name)
    model: Any,
    cur_img: Any,
    task_description: str,
    item_processor: Any,
    his_img: list[Any],
    his_action: list[Any],
    his_type: str,
    action_steps: int,
) -> list[torch.Tensor]:
    assert isinstance(his_img, list)
    assert model.evaluating
    ASKED.append(
        SimpleNamespace(
            image=cur_img,
            task=task_description,
            images=his_img[-1:],
            actions=his_action,
            kind=his_type,
            most=action_steps,
            processor=item_processor,
            model=model,
        )
    )
    if ANSWERS:
        answer = ANSWERS.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)
    return [torch.tensor(row, dtype=torch.float32) for row in scripted(len(ASKED) - 1, 5)]
