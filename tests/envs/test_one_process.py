"""robosuite's renderer and ours take turns in one process, and neither disturbs the other."""

from __future__ import annotations

import gc
from pathlib import Path

import gymnasium
import numpy as np
from test_side_effects import run_python

CODE = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
import gymnasium, numpy as np, gridseval
from plain_loop import CAMERAS, PlainTask

def compare(ours, theirs):
    for key, camera in CAMERAS.items():
        image = theirs[camera][::-1, ::-1]
        assert image.std() > 10
        assert (ours[key] == image).all(), key

assets = Path({assets!r})
options = dict(assets=assets, settle_steps=1, seed=7)
make = lambda suite: gymnasium.make(f"gridseval/{{suite}}-v0", **options)
env = make("libero_object")
env.reset()
import libero.libero
libero.libero._assets_path_cache = str(assets)
plain = PlainTask("libero_object", 2, 7)
other = make("libero_goal")
for trial in range(2):
    ours, _ = env.reset(options={{"task": 2, "trial": trial}})
    theirs = plain.start(trial, settle_steps=1)
    compare(ours, theirs)
    other.reset(options={{"task": 3, "trial": trial}})
    for number in range(2):
        action = np.array([0.5, -0.5, -1, 0.2, 0, 0.3, 1], dtype=np.float32)
        theirs = plain.env.step(action.tolist())[0]
        other.step(action)
        compare(env.step(action)[0], theirs)
        assert (env.unwrapped.sim_state() == plain.env.get_sim_state()).all()
    if trial == 0:
        other.close()
        other = make("libero_10")
plain.env.close()
ours, _ = env.reset(options={{"task": 2, "trial": 1}})
assert ours["agentview"].std() > 10
env.close()
print("done")
"""


def test_interleaved_with_the_plain_loop(tmp_path: Path, assets: Path) -> None:
    code = CODE.format(folder=str(Path(__file__).parent), assets=str(assets))
    done = run_python(code, tmp_path, assets)
    assert done.stdout.endswith("done\n"), done.stderr


def test_dropped_and_closed_environments_leave_others_alone(assets: Path) -> None:
    kwargs = {"assets": assets, "observations": ("agentview",)}
    dropped = gymnasium.make("gridseval/libero_object-v0", **kwargs)
    closed = gymnasium.make("gridseval/libero_goal-v0", **kwargs)
    kept = gymnasium.make("gridseval/libero_object-v0", **kwargs)
    images = []
    for env in (dropped, closed, kept):
        images.append(env.reset(options={"task": 0, "trial": 0})[0]["agentview"])
    assert (images[0] == images[2]).all()
    closed.close()
    del dropped, env
    gc.collect()
    again = kept.reset(options={"task": 0, "trial": 0})[0]["agentview"]
    assert (again == images[2]).all()
    new = gymnasium.make("gridseval/libero_object-v0", **kwargs)
    assert (new.reset()[0]["agentview"] == images[2]).all()
    gc.collect()
    kept.step(np.zeros(7, np.float32))
    assert (kept.reset()[0]["agentview"] == images[2]).all()
    new.close()
    kept.close()
