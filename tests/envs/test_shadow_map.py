"""A renderer has a shadow map, which takes 67 MB, only when a light casts shadows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.rendering.renderer import SceneRenderer


def test_a_light_that_casts_shadows_later_is_drawn_as_if_it_always_had(assets: Path) -> None:
    env = LiberoEnv("libero_object", assets=assets, max_scenes=1)
    env.reset(options={"task": 0, "trial": 0})
    assert env._running is not None
    task = env._running.task
    drawn, view, model = task.renderer, task.simulation.view, task.simulation.scene.model
    assert drawn is not None
    plain = drawn.render(view, "agentview")
    model.light_castshadow[:] = 1
    later = drawn.render(view, "agentview")
    other = SceneRenderer(task.simulation.scene, drawn._context, cull=False)
    np.testing.assert_array_equal(later, other.render(view, "agentview"))
    assert (plain != later).any()
    model.light_castshadow[:] = 0
    np.testing.assert_array_equal(drawn.render(view, "agentview"), plain)
    other.close()
    env.close()
