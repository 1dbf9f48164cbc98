"""The script a user would write from three manuals: study.optimize, Lightning with its defaults, MLFlowLogger.

python -m benchmarks.peer NETWORKS EPOCHS: trains each architecture of a file (one JSON a line) on digits in the folder
it runs in, one after the other in one process, and prints the seconds from the first trial to the last. The networks,
the split, the optimizer, the learning rate's course, the batch size and the epochs are those of a search with
recipe=fast; everything else is what the libraries do by default.
"""

from __future__ import annotations

import logging
import math
import sys
import time
import warnings
from pathlib import Path

import optuna
import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.loggers import MLFlowLogger
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.plain import plain
from explorer.arch import Architecture, cost
from explorer.data import load

BATCH_SIZE, LR, WARM_UP = 64, 3e-3, 0.2


class Net(LightningModule):
    """The network as the manuals show it: log every step, a scheduler, an accuracy."""

    def __init__(self, architecture: Architecture, steps: int) -> None:
        super().__init__()
        self.network = plain(architecture)
        self.steps = steps

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        images, labels = batch
        loss = F.cross_entropy(self.network(images), labels, label_smoothing=0.1)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        images, labels = batch
        logits = self.network(images)
        self.log("val_loss", F.cross_entropy(logits, labels))
        self.log("val_acc", (logits.argmax(1) == labels).float().mean(), prog_bar=True)

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.AdamW(self.parameters(), LR, weight_decay=0.01)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def rate(self, step: int) -> float:
        warm = WARM_UP * self.steps
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1.0, self.steps - warm)))


def train_by_defaults(architecture: str, epochs: int, folder: str) -> float:
    """Trains one network with Lightning alone, its defaults everywhere; returns val_acc."""
    _quiet()
    train, val = _sets()
    loader = DataLoader(train, BATCH_SIZE, shuffle=True)
    trainer = Trainer(max_epochs=epochs, gradient_clip_val=1.0, default_root_dir=folder)
    trainer.fit(Net(Architecture.from_json(architecture), epochs * len(loader)), loader, DataLoader(val, BATCH_SIZE))
    return trainer.callback_metrics["val_acc"].item()


def _quiet() -> None:
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


def _sets() -> list[TensorDataset]:
    """Digits to train and to evaluate on."""
    data = load({"name": "digits"})
    return [
        TensorDataset(*(torch.cat(x) for x in zip(*data.evaluation(part), strict=True))) for part in ("train", "val")
    ]


def main() -> None:
    """Runs the study."""
    _quiet()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    networks = [Architecture.from_json(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    epochs = int(sys.argv[2])
    sets = _sets()

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        network = networks[trial.suggest_int("network", 0, len(networks) - 1)]
        train = DataLoader(sets[0], BATCH_SIZE, shuffle=True)
        logger = MLFlowLogger("peer", run_name=str(trial.number), tracking_uri="sqlite:///peer_mlflow.db")
        trainer = Trainer(max_epochs=epochs, logger=logger, accelerator="cpu", gradient_clip_val=1.0)
        trainer.fit(Net(network, epochs * len(train)), train, DataLoader(sets[1], BATCH_SIZE))
        return trainer.callback_metrics["val_acc"].item(), float(cost(network).params)

    study = optuna.create_study(storage="sqlite:///peer_study.db", directions=["maximize", "minimize"])
    for i in range(len(networks)):
        study.enqueue_trial({"network": i})
    begun = time.monotonic()
    study.optimize(objective, n_trials=len(networks))
    print(f"\nseconds {time.monotonic() - begun:.2f}")


if __name__ == "__main__":
    main()
