"""Gymnasium ids of the environments, one for each suite."""

from __future__ import annotations

from gridseval.suites import list_suites


def register_environments() -> None:
    """Register ``gridseval/<suite>-v0`` for each suite, single and as a pool of processes.

    Where Gymnasium is missing, as beside a model that ``gridseval serve`` serves, nobody can ask
    for an environment.
    """
    try:
        import gymnasium
    except ModuleNotFoundError:
        return
    for suite in list_suites():
        name = f"gridseval/{suite}-v0"
        if name not in gymnasium.registry:
            gymnasium.register(
                id=name,
                entry_point="gridseval.envs.libero_env:LiberoEnv",
                vector_entry_point="gridseval.envs.pool.vector_env:LiberoVectorEnv",
                kwargs={"suite": suite},
            )
