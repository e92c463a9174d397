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
        UsageError: It needs other environments than the run has, or takes the actions that it
            answers with for executed, and noise disturbs them or another policy acts.
        PolicyError: It cannot be loaded.
    """
    if config.noise:
        _check_memory(acting, "--noise changes them")
    if not config.labels:
        return acting
    arguments = {**_LABELS_WITH.get(config.label or "", {}), **config.label_arguments}
    labelling = load_policy(
        config.label, config.label_checkpoint, arguments, seed, config.run.trust_remote_code
    )
    _check_memory(labelling, f"{acting.name!r} acts")
    if labelling.needs not in (EnvironmentNeeds(), acting.needs):
        raise UsageError(
            f"policy {labelling.name!r} needs other environments than policy {acting.name!r}",
            "label with one that takes the acting policy's, such as oracle",
        )
    return labelling


def _check_memory(policy: LoadedPolicy, why: str) -> None:
    """Refuse a policy that would decide by actions that were never executed."""
    if policy.remembers_actions:
        raise UsageError(
            f"policy {policy.name!r} decides by the actions that it answered with, and {why}",
            "give it a pruner that does not reuse actions",
        )
