"""The parameters of a small sampler under openpi's names."""

from __future__ import annotations

from grids_arrays import grids_parameter

__all__ = ["SHAPES", "grids_parameter"]

SHAPES = {
    "action_active_sampler/scout_mlp/layers_0/kernel": (8, 6),
    "action_active_sampler/scout_mlp/layers_0/bias": (6,),
    "action_active_sampler/scout_mlp/layers_2/kernel": (6, 4),
    "action_active_sampler/scout_mlp/layers_2/bias": (4,),
    "action_active_sampler/coord_encoder/layers_0/kernel": (2, 5),
    "action_active_sampler/coord_encoder/layers_0/bias": (5,),
    "action_active_sampler/coord_encoder/layers_2/kernel": (5, 8),
    "action_active_sampler/coord_encoder/layers_2/bias": (8,),
}
