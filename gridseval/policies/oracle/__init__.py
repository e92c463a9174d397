"""The scripted expert: solves tasks from privileged state, through the same actions as all."""

from gridseval.policies.oracle.policy import OraclePolicy

__all__ = ["OraclePolicy"]
