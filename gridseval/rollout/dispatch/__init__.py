"""Who answers the loop's questions: a policy in this process, or several at the same time."""

from gridseval.rollout.dispatch.dispatcher import Dispatcher, LocalDispatcher
from gridseval.rollout.dispatch.questions import Answer, Question, ask, lost
from gridseval.rollout.dispatch.replica import Replica, ReplicaLostError
from gridseval.rollout.dispatch.replicas import Check, ReplicaDispatcher

__all__ = [
    "Answer",
    "Check",
    "Dispatcher",
    "LocalDispatcher",
    "Question",
    "Replica",
    "ReplicaDispatcher",
    "ReplicaLostError",
    "ask",
    "lost",
]
