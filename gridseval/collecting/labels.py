"""Which policy labels the episodes in which another one acts."""

from __future__ import annotations

from collections.abc import Mapping

from gridseval.collecting.config import CollectConfig
from gridseval.errors import UsageError
from gridseval.policies import EnvironmentNeeds, LoadedPolicy, load_policy

_LABELS_WITH: Mapping[str, Mapping[str, str]] = {"oracle": {"watches": "true"}}
"""What a registered policy must be told where another one acts in the episodes that it labels."""


def labelling_policy(config: CollectConfig, acting: LoadedPolicy, seed: int) -> LoadedPolicy:
    """Return the policy that labels: the acting one, unless another is named.

    Args:
        config: What was asked for.
        acting: Who acts.
        seed: The policies' seed.

    Raises:
        UsageError: It needs other environments than the run has.
        PolicyError: It cannot be loaded.
    """
    if config.label is None:
        return acting
    arguments = {**_LABELS_WITH.get(config.label, {}), **config.label_arguments}
    labelling = load_policy(config.label, None, arguments, seed)
    if labelling.needs not in (EnvironmentNeeds(), acting.needs):
        raise UsageError(
            f"policy {config.label!r} needs other environments than policy {acting.name!r}",
            "label with one that takes the acting policy's, such as oracle",
        )
    return labelling
