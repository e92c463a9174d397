"""Step two LIBERO environments in separate processes: ``python examples/vector_env.py``."""

import sys

import gymnasium

import gridseval  # noqa: F401  registers the environments

envs = gymnasium.make_vec("gridseval/libero_object-v0", num_envs=2)
observations, infos = envs.reset(options={"task": [0, 1], "trial": 7})
for _ in range(int(sys.argv[1]) if sys.argv[1:] else 20):
    observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
print(observations["agentview"].shape, observations["instruction"], infos["steps"])
envs.close()
