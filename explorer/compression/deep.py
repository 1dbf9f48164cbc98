"""Deep Compression of a trained network (Han et al., arXiv:1510.00149): prune, share weights, retrain.

Its third stage, Huffman coding, is arithmetic coding with context mixing here: `codec`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from explorer.arch import Architecture
from explorer.compression import finetune
from explorer.compression.allocate import Choice, TooFewBytesError
from explorer.compression.codec import container
from explorer.compression.codec.coded import CodedTensor, CompressionError
from explorer.compression.codec.header import tensor_shapes
from explorer.compression.fit import Fit, overhead
from explorer.compression.layers import weighted_layers
from explorer.compression.retraining import CompressionSettings as CompressionSettings
from explorer.compression.retraining import Retraining, round_budget
from explorer.compression.rounding import file_tensors
from explorer.data.module import DataModule
from explorer.training.recipe import Recipe

PAPER_BITS = 6
RECOVERED = 0.8
"""Share of the loss by pruning that training recovers."""
ATTEMPTS = 4
"""At codebooks within the budget that do not lose too much accuracy."""
WIDER = 1.25
"""Factor by which the budget grows where the codebooks lose too much."""


def paper_densities(architecture: Architecture) -> dict[str, float]:
    """The densities of the paper's Table 1 for a network of Fire modules.

    1x1 filters are not pruned; of 3x3 filters 33 % stay (30 % in the last two modules), of the last layer 20 %.
    """
    names = [name.removesuffix(".weight") for name, shape in tensor_shapes(architecture).items() if len(shape) == 4]
    wide = [name for name in names if name.endswith("expand3x3")]
    densities = dict.fromkeys(names, 1.0) | dict.fromkeys(wide, 0.33) | dict.fromkeys(wide[-2:], 0.30)
    return densities | {names[-1]: 0.20}


def compress(
    architecture: Architecture,
    weights: Mapping[str, Tensor],
    data: DataModule,
    recipe: Recipe,
    settings: CompressionSettings,
    seed: int = 0,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, container.Tensor]:
    """Prunes, shares and trains a network's weights. The validation and test splits are not looked at.

    What is left is trained to answer as the network did before (distillation): labels alone, which so few weights can
    be trained to give for the training images, leave the answers to other images to chance.

    Args:
        architecture: the network.
        weights: its trained tensors, by their names.
        data: what it was trained on.
        recipe: how it was trained.
        settings: how it is compressed.
        seed: of order, augmentation and the labels drawn for the Fisher information.
        report: takes a line about each step.

    Returns:
        What `container.write` takes.

    Raises:
        CompressionError: if the budget is too small.
    """
    work = _DeepCompression(architecture, weights, data, recipe, settings, seed, report)
    try:
        return work.share(work.prune())
    except TooFewBytesError as error:  # of a round's budget, or of what training left of it
        raise TooFewBytesError(settings.budget or 0, error.least) from None


class _DeepCompression(Retraining):
    """A network while it is compressed."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # Hardly changes while training, and takes long to count.
        self.beside = 0 if self.settings.budget is None else overhead(self.network)

    def prune(self) -> int | None:
        """Prunes and trains by turns while training recovers the accuracy; the budget of the last round that it did."""
        settings, network = self.settings, self.network
        epochs = max(1, (settings.epochs - self._codebook_epochs()) // settings.rounds)
        reached = self._round_budget(0)
        for number in range(1, settings.rounds + 1):
            before, budget = self.state(), self._round_budget(number)
            try:
                kept = self._kept(budget, number)
            except CompressionError:
                if settings.tolerance is None:
                    raise
                self.report(f"pruned no further: {budget:,} bytes hold no weights")
                break
            finetune.hold_pruned(network, kept)
            self.train(epochs, number)
            finetune.release(network)
            if self.lost_too_much():
                network.load_state_dict(before)
                self.report(
                    f"pruned no further: {sum(kept.values()):,} weights lose more than {settings.tolerance:.1%}"
                )
                break
            reached = budget
            self.report(f"pruned to {sum(kept.values()):,} weights")
        return reached

    def share(self, budget: int | None) -> dict[str, container.Tensor]:
        """Shares the weights of the pruned network and trains the codebooks, until the file is within the budget.

        Codebooks that lose too much accuracy are given a larger budget.
        """
        pruned, room = self.state(), budget
        for attempt in range(1, ATTEMPTS + 1):
            last, excess = attempt == ATTEMPTS, 0
            try:
                codebooks = self._codebooks(room)
            except CompressionError:
                if self.settings.tolerance is None or last:
                    raise
            else:
                tensors = self._trained(codebooks)
                size = len(container.pack(self.network.architecture, tensors))
                excess = 0 if budget is None else max(0, size - budget)
                if not excess and (last or budget is None or not self.lost_too_much()):
                    return tensors
                self.network.load_state_dict(pruned)
            assert budget is not None
            assert room is not None
            budget, room = (budget, room - 2 * excess) if excess else (round(WIDER * budget),) * 2
            self.report(
                f"codebooks within {room:,} bytes, as {'training adds some' if excess else 'fewer lose too much'}"
            )
        raise CompressionError(f"{budget:,} bytes are too few for this network, training adds {excess}")

    def _trained(self, codebooks: Mapping[str, CodedTensor]) -> dict[str, container.Tensor]:
        """The network's tensors after training the codebooks."""
        finetune.share(self.network, codebooks)
        self.train(max(1, self._codebook_epochs()), self.settings.rounds + 1, 0.5)
        finetune.materialise(self.network)
        return file_tensors(self.network)

    def _codebook_epochs(self) -> int:
        return self.settings.epochs // 4

    def _fit(self) -> Fit:
        return Fit.of(self.network, self.images, self.settings.bits, self.beside, self.seed)

    def _sizes(self) -> dict[str, int]:
        return {name: layer.weight.numel() for name, layer in weighted_layers(self.network).items()}

    def _round_budget(self, number: int) -> int | None:
        """Bytes of the file after round `number`: from 6 bits a weight to the budget, by a constant factor a round."""
        budget = self.settings.budget
        if budget is None:
            return None
        return round_budget(budget, self.beside, 0.75 * sum(self._sizes().values()), number / self.settings.rounds)

    def _kept(self, budget: int | None, number: int) -> dict[str, int]:
        """Weights that each layer keeps in round `number`."""
        if budget is None:
            densities, share = self.settings.densities or {}, number / self.settings.rounds
            return {
                name: max(1, round(size * densities.get(name, 1.0) ** share)) for name, size in self._sizes().items()
            }
        fit = self._fit()
        last = number == self.settings.rounds
        chosen = fit.packed(budget, RECOVERED)[0] if last else fit.estimated(budget, RECOVERED)
        return {name: choice.kept for name, choice in chosen.items()}

    def _codebooks(self, budget: int | None) -> dict[str, CodedTensor]:
        """Codebooks of the pruned weights, as large as the budget allows."""
        fit = self._fit()
        if budget is not None:
            return fit.packed(budget, 0.0)[1]
        bits = self.settings.bits or PAPER_BITS
        return fit.coded({name: Choice(size, bits, 0.0, 0.0) for name, size in self._sizes().items()})
