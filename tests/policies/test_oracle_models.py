"""What the scripted expert is told of LIBERO's models: the table that ships with gridseval."""

from __future__ import annotations

from dataclasses import fields

import yaml

from gridseval.data import data_dir
from gridseval.policies.oracle.models import Model, load_models


def test_every_shipped_model_can_be_placed() -> None:
    models = load_models()
    assert models.of("akita_black_bowl_2") is models.categories["akita_black_bowl"]
    assert models.of("unheard_of_1") is None
    for name, model in models.categories.items():
        groups = [model.boxes, *model.slides.values()]
        for boxes in groups:
            assert boxes.shape[1] == 6, name
            assert (boxes[:, :3] < boxes[:, 3:]).all(), name


def test_every_entry_of_the_shipped_table_is_read() -> None:
    table = yaml.safe_load((data_dir("policies") / "oracle.yaml").read_text(encoding="utf-8"))
    known = {field.name for field in fields(Model)}
    for name, entry in table["objects"].items():
        assert set(entry) <= known, name
