"""Write all movable objects."""

from __future__ import annotations

from pathlib import Path

from gridseval.assets.standins.objects.books import book_models
from gridseval.assets.standins.objects.bottles import bottle_models
from gridseval.assets.standins.objects.boxes import box_models
from gridseval.assets.standins.objects.cans import can_models
from gridseval.assets.standins.objects.cartons import carton_models
from gridseval.assets.standins.objects.containers import container_models
from gridseval.assets.standins.objects.crockery import crockery_models
from gridseval.assets.standins.objects.kitchenware import kitchenware_models
from gridseval.assets.standins.objects.measures import MEASURES
from gridseval.assets.standins.objects.model import Model, write_model
from gridseval.assets.standins.objects.mugs import mug_models

_FAMILIES = (
    book_models,
    bottle_models,
    box_models,
    can_models,
    carton_models,
    container_models,
    crockery_models,
    kitchenware_models,
    mug_models,
)


def build_objects(root: Path) -> None:
    """Write the models of all movable objects below an asset root."""
    for model in all_models():
        write_model(root, model, MEASURES[model.name])


def all_models() -> list[Model]:
    """Return the models of all movable objects."""
    return [model for family in _FAMILIES for model in family()]
