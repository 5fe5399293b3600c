"""What the learners of this room share: a named execution, and a word on how exact their gradient is."""

from polytask.core import EpisodicLearner, Execution
from polytask.execution.named import ExecutionName, named_execution

__all__ = ["MetaLearner"]


class MetaLearner(EpisodicLearner):
    """An episodic learner that names its execution and says what its meta-gradient is.

    Args:
        execution: ``"auto"``, ``"loop"``, ``"vmap"``, or a function; see `named_execution`.
        chunk_size: Episodes that vmap runs at once; None means all of a step.
        transductive: Whether the answer to one query may depend on the other queries of its batch.
        exact_gradient: Whether the meta-gradient is the derivative of the objective. First-order methods
            drop a part of it on purpose; finite differences cannot check those.
    """

    def __init__(
        self,
        *,
        execution: ExecutionName | Execution = "loop",
        chunk_size: int | None = None,
        transductive: bool = False,
        exact_gradient: bool = True,
    ) -> None:
        super().__init__(execution=named_execution(execution, chunk_size), transductive=transductive)
        self.exact_gradient = exact_gradient
