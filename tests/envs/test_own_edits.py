"""A kind's own edit of the model: what an episode shows does not depend on the one before."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gridseval.assets import find_assets
from gridseval.envs.perturbations import NOTHING, Perturbation
from gridseval.envs.perturbations.kinds import PERTURBATIONS, Kind
from gridseval.envs.perturbations.plan import parse_plan
from gridseval.envs.rendering.renderer import SceneRenderer
from gridseval.envs.scene_cache import RunningEpisode, SceneCache
from gridseval.envs.task_files import TaskFiles
from gridseval.errors import UsageError
from gridseval.suites import Episode, load_suite

SUITE, TASK = "libero_goal", 7  # the stove has a mirror
PX = 96


def hide(model: Any, _: Any) -> None:
    model.geom_group[model.geom_group == 1] = 5


def mirror(model: Any, _: Any) -> None:
    model.mat_reflectance[:] = 0.6


def fog(model: Any, _: Any) -> None:
    # The renderer's context keeps where fog begins and its colour; a material shows the edit too.
    model.vis.map.fogstart = model.vis.map.fogend = 0.01
    model.vis.rgba.fog[:] = 1, 0, 0, 1
    model.mat_specular[:] = 1


def dim(model: Any, _: Any) -> None:
    model.light_active[:] = 0


def grow(model: Any, _: Any) -> None:
    model.geom_size[:] *= 1.3
    model.mesh_vert[:] *= 1.3


def show_sites(model: Any, _: Any) -> None:
    model.site_rgba[:] = 1, 0, 1, 1
    model.site_group[:] = 1


def shade_sites(model: Any, _: Any) -> None:
    model.site_rgba[:, 0] /= 2
    model.site_rgba[:, 2] = 0.25


def start(model: Any, data: Any, _: Any) -> None:
    model.light_active[:] = 0
    model.geom_rgba[:, :3] = 0.9
    data.qpos[0] += 0.2


def move_sites(model: Any, _: Any) -> None:
    model.site_pos[:] += 0.05


def fail(model: Any, _: Any) -> None:
    model.mat_rgba[:, :3] = 0
    model.tex_data[:] = 0
    raise KeyError("no such body")


EDITS: dict[str, Callable[..., None]] = {
    edit.__name__: edit
    for edit in (hide, mirror, fog, dim, grow, show_sites, shade_sites, move_sites, fail)
}


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register a kind for each edit, as a program may."""
    module = ModuleType("kinds_of_own_edits")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(PERTURBATIONS, "_targets", dict(PERTURBATIONS._targets))
    for name in (*EDITS, "start"):
        edits: dict[str, Any] = (
            {"edit_start": start} if name == "start" else {"edit_model": EDITS[name]}
        )
        kind = Kind(name, "edits", (), lambda *_: {}, lambda *_: {}, **edits)
        setattr(module, name, kind)
        PERTURBATIONS.register(name, f"{module.__name__}:{name}")


class Stage:
    """Starts episodes of one task in one process."""

    def __init__(self, assets: Path) -> None:
        root = find_assets(assets).root
        self.files = TaskFiles.of(SUITE, load_suite(SUITE).task(TASK).name, root)
        self.caches: list[SceneCache] = []
        self.cache = self.fresh()

    def fresh(self) -> SceneCache:
        self.caches.append(SceneCache(1, PX))
        return self.caches[-1]

    def start(
        self, perturbation: Perturbation, cache: SceneCache | None = None, trial: int = 0
    ) -> RunningEpisode:
        episode = Episode(SUITE, TASK, trial)
        return (cache or self.cache).start(self.files, perturbation, episode, 7, 1)

    def look(self, perturbation: Perturbation, cache: SceneCache | None = None) -> np.ndarray:
        """Return both cameras' images, and the first again after it."""
        running = self.start(perturbation, cache)
        views = [running.cameras.image(camera, 1) for camera in ("agentview", "wrist")]
        running.cameras._seen.clear()
        return np.stack([*views, running.cameras.image("agentview", 1)])


@pytest.fixture
def stage(assets: Path) -> Iterator[Stage]:
    made = Stage(assets)
    yield made
    for cache in made.caches:
        cache.close()


def own(name: str) -> Perturbation:
    return Perturbation(extra={name: {}})


def test_pixels_do_not_depend_on_the_episode_before(stage: Stage) -> None:
    nominal = stage.look(NOTHING)
    for name in ("hide", "mirror", "fog", "dim", "start"):
        after_nominal = stage.look(own(name))
        assert (after_nominal[0] == after_nominal[2]).all(), f"{name}: the second image differs"
        assert (after_nominal[0] != nominal[0]).any(), f"{name} shows"
        assert (stage.look(NOTHING) == nominal).all(), f"{name} lasts"
        first = stage.fresh()
        assert (stage.look(own(name), first) == after_nominal).all(), name
        assert (stage.look(NOTHING, first) == nominal).all(), f"{name} lasts where it was first"
        first.close()


def test_culling_and_the_moment_of_making_a_renderer_change_no_pixel(stage: Stage) -> None:
    for name in ("hide", "mirror", "grow"):
        stage.look(NOTHING)
        running = stage.start(own(name))
        shown = running.cameras.image("agentview", 1)
        simulation, context = running.task.simulation, stage.cache._context
        assert context is not None
        whole = SceneRenderer(simulation.scene, context, PX, cull=False)
        assert (whole.render(simulation.view, "agentview") == shown).all(), name
        whole.close()


def test_built_in_kinds_keep_renderer_and_culling(stage: Stage) -> None:
    running = stage.start(NOTHING)
    running.cameras.image("wrist", 1)
    renderer = running.task.renderer
    built_in = parse_plan(["camera:3", "light:5", "background:2"]).draw(7, SUITE, TASK, 0)
    stage.start(built_in.perturbation).cameras.image("wrist", 1)
    assert running.task.renderer is renderer
    assert renderer is not None
    assert renderer._culler is not None


def test_edits_leave_later_starts_as_they_are(stage: Stage) -> None:
    """A reset's samplers ask where sites are (here of a drawer); what they draw is kept."""
    root = stage.files.assets
    stage.files = TaskFiles.of("libero_spatial", load_suite("libero_spatial").task(4).name, root)
    expected = stage.start(NOTHING, trial=1).task.simulation.state()
    first = stage.fresh()
    stage.start(own("move_sites"), first, trial=1)
    task = stage.start(NOTHING, first, trial=1).task
    assert (task.simulation.state() == expected).all()
    drawn = task.simulation._draws[7][1]
    plain = next(iter(stage.cache._tasks.values())).simulation._draws[7][1]
    assert drawn.joints == plain.joints
    assert {k: v.tolist() for k, v in drawn.objects.items()} == {
        k: v.tolist() for k, v in plain.objects.items()
    }


def test_an_edit_that_raises_is_named_and_leaves_nothing(stage: Stage) -> None:
    nominal = stage.look(NOTHING)
    background = parse_plan(["background:3"]).draw(7, SUITE, TASK, 0).perturbation.background
    both = Perturbation(background=background, extra={"fail": {}})
    with pytest.raises(UsageError, match=r"perturbation 'fail' failed: KeyError: 'no such body'"):
        stage.start(both)
    assert (stage.look(NOTHING) == nominal).all()


def test_an_edit_starts_from_what_a_reset_shows(stage: Stage) -> None:
    def sites() -> np.ndarray:
        return np.array(stage.start(own("shade_sites")).task.simulation.view.site_rgba)

    shown = sites()
    assert (shown[:, 2] == 0.25).any(), "a reset leaves the colours that the edit gave"
    scene = stage.start(NOTHING).task.simulation.scene
    assert not (scene.model.site_rgba[:, 2] == 0.25).any()
    scene.model.site_rgba[:] = 0.5  # as the stove's glow does
    assert (sites() == shown).all()
