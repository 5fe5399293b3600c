"""The networks of a table model as one module, for programs that know no polytask."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from polytask.core import Learner
from polytask.data.tables.target_column import TargetColumn

__all__ = ["ExportedNetworks", "finished"]


class ExportedNetworks(nn.Module):
    """The networks of a table model with what turns their outputs into units and probabilities.

    Args:
        learner: The trained model.
        targets: Its targets.
        temperatures: By which logits are divided, by target; 1 where not named.

    Attributes:
        names: Of the targets, in the order of the outputs.
    """

    def __init__(
        self,
        learner: Learner,
        targets: Sequence[TargetColumn],
        temperatures: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.learner = learner
        self.targets = tuple(targets)
        self.names = [target.task.name for target in targets]
        self.temperatures = [temperatures.get(name, 1.0) for name in self.names]

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Predict ``[row, feature]``: by target ``[row]`` in its units, or probabilities ``[row, class]``."""
        found = self.outputs(features)
        return tuple(finished(target, values) for target, values in zip(self.targets, found))

    def outputs(self, features: Tensor) -> list[Tensor]:
        """Return standardized numbers and logits by target ``[row, output]``."""
        outputs = self.learner.adapt([target.task for target in self.targets])(features)
        return [
            outputs[name].float() / temperature for name, temperature in zip(self.names, self.temperatures)
        ]


def finished(target: TargetColumn, outputs: Tensor) -> Tensor:
    """Turn standardized numbers ``[row, 1]`` into units ``[row]``, and logits into probabilities."""
    if target.task.kind == "regression":
        return target.units(outputs[:, 0])
    if target.task.kind == "binary":
        outputs = torch.cat([torch.zeros_like(outputs), outputs], dim=-1)
    return outputs.softmax(-1)
