"""Gymnasium ids of the environments, one for each suite."""

from __future__ import annotations

from gridseval.suites import shipped_suites


def register_environments() -> None:
    """Register ``gridseval/<suite>-v0`` for each shipped suite, single and as a pool of processes.

    ``gridseval/suite-v0`` is for every other one: ``make("gridseval/suite-v0", suite="./kitchen")``
    takes a path, or the name of a plug-in's. To register those by name would cost each start the
    time to look for plug-ins.

    Where Gymnasium is missing, as beside a model that ``gridseval serve`` serves, nobody can ask
    for an environment.
    """
    try:
        import gymnasium
    except ModuleNotFoundError:
        return
    for name, given in (("suite", {}), *((suite, {"suite": suite}) for suite in shipped_suites())):
        if f"gridseval/{name}-v0" not in gymnasium.registry:
            gymnasium.register(
                id=f"gridseval/{name}-v0",
                entry_point="gridseval.envs.libero_env:LiberoEnv",
                vector_entry_point="gridseval.envs.pool.vector_env:LiberoVectorEnv",
                kwargs=given,
            )
