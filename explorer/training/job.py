"""A job: train a network from one epoch to another and leave a checkpoint. torch is imported when it runs."""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer import data as datasets
from explorer.arch import Architecture, cost
from explorer.results.metric import INT8
from explorer.training import files
from explorer.training import recipe as recipes
from explorer.training.distributed import together
from explorer.training.init_files import from_weights
from explorer.training.processor import processor
from explorer.training.recipe import TrainingError

if TYPE_CHECKING:
    import torch
    from pytorch_lightning import Trainer
    from torch import Tensor

    from explorer.data.module import DataModule
    from explorer.training.callback import InInt8, Recorder
    from explorer.training.metric import Metric


@dataclass(frozen=True)
class Job:
    """A part of a training; its fields are JSON.

    Attributes:
        architecture: JSON of an Architecture.
        recipe: see `explorer.training.recipe.Recipe`.
        data: see `explorer.data.load`.
        seed: of initial weights, order, augmentation and dropout.
        first_epoch: epochs trained before; above 0 their checkpoint is in `folder`.
        last_epoch: trains epochs first_epoch + 1 .. last_epoch.
        epochs: full length, for which the schedule is laid out.
        folder: takes checkpoints and `progress.jsonl`.
        split: `train` (evaluated on val, every epoch) or `trainval` (evaluated on test, after the last epoch alone).
        metric: measured beside the accuracy; see `explorer.training.metric.Metric`.
        precision: `int8` measures it of the network in int8 as well, after the last epoch.
        devices: number of devices that train together. They share the recipe's batch_size, so that the training is the
            same but for rounding and for the dropout's draws. A worker sets it to what its slot has.
    """

    architecture: str
    recipe: dict[str, Any]
    data: dict[str, Any]
    seed: int
    first_epoch: int
    last_epoch: int
    epochs: int
    folder: str
    split: str = "train"
    metric: str = "accuracy"
    precision: str = "fp32"
    devices: int = 1


@dataclass(frozen=True)
class Result:
    """What a job measured; its fields are JSON.

    Attributes:
        curve: one dict for each epoch trained: epoch (from 1), train_loss, lr (of its last step), seconds, and
            val_loss, val_acc, val_METRIC and, in the last, val_METRIC_error where that is no accuracy; with the split
            `trainval`, in its last epoch test_... instead.
        device: in words.
    """

    curve: list[dict[str, float]]
    device: str


def run(job: Job) -> Result:
    """Trains.

    The same job gives the same bits on the same device, and so does the same length in several jobs. As epochs end,
    their numbers are appended to `folder/progress.jsonl`.

    Raises:
        ArchitectureError, RecipeError, DataError: if the job asks for what does not exist.
        CheckpointError: if the checkpoint to go on from is absent, torn, or another training's.
        MetricError: if the metric cannot be made, or gives no number.
        TrainingError: if a loss is no longer finite, or there are no such epochs.
        RankDied: if, with several devices, one of their processes is lost.
    """
    if not 0 <= job.first_epoch < job.last_epoch <= job.epochs:
        raise TrainingError(f"epochs {job.first_epoch + 1} to {job.last_epoch} of {job.epochs} cannot be trained")
    recipes.read(job.recipe)
    return train(0, 1, job) if job.devices == 1 else together(job.devices, train, job)


def train(rank: int, ranks: int, job: Job) -> Result:
    """Runs a job as process `rank` of `ranks`, each with its own device; see `run`."""
    recipe = recipes.read(job.recipe)
    architecture = Architecture.from_json(job.architecture)
    data = read_data(job.data)
    for what, network, images in (
        ("images of shape", architecture.input_shape, data.input_shape),
        ("outputs of shape", cost(architecture).output_shape, (data.classes, 1, 1)),
    ):
        if network != images:
            raise datasets.DataError(f"the network has {what} {network}, data {data.name} needs {images}")

    from explorer.data.module import WholeEpochs
    from explorer.training.callback import Recorder
    from explorer.training.classifier import Classifier, revive
    from explorer.training.metric import Metric
    from explorer.training.transfer import take, trained_network

    facts: dict[str, Any] = {"architecture": architecture.identity, "recipe": asdict(recipe), "data": job.data}
    facts |= {"split": job.split, "seed": job.seed, "epochs": job.epochs}
    metric = None if job.metric == "accuracy" else Metric(job.metric, data.classes)
    part = "val" if job.split == "train" else "test"
    in_int8 = _in_int8(data, part, metric or Metric(job.metric, data.classes)) if job.precision == INT8 else None
    recorder = Recorder(job.folder, facts, job.first_epoch, part, metric, in_int8)
    whole_epochs = ranks == 1 and data.whole_epochs
    trainer = _trainer(job, recipe, recorder, 1 if whole_epochs else recipe.accumulate)
    data.arrange(job.split, recipe.batch_size, job.seed, job.first_epoch, trainer.strategy.root_device)
    if not data.fit_images or not data.images[data.evaluated_part]:
        raise datasets.DataError(f"data {data.name} has {data.images}: nothing to train on, or nothing to evaluate on")
    least = min(data.images_of(data.batches - 1), data.images[data.evaluated_part])
    if least < ranks:
        raise TrainingError(f"{ranks} devices cannot share a batch, or an evaluation, of {least} images")
    steps = -(-data.batches // recipe.accumulate)
    counts = data.class_counts(*data.fit_parts) if recipe.class_weights else None
    classifier = Classifier(
        architecture,
        recipe,
        job.seed,
        job.epochs,
        steps,
        whole_epochs=whole_epochs,
        class_counts=counts,
        keep_logits=metric is not None,
    )
    if recipe.revive and not job.first_epoch:
        revive(classifier.network, next(iter(data.train_dataloader()))[0].cpu())  # the whole batch, on every rank
    if from_weights(recipe.init) and not job.first_epoch:
        take(classifier.network, trained_network(recipe.init))
    data.arrange(job.split, recipe.batch_size, job.seed, job.first_epoch, data.device, rank, ranks)
    with warnings.catch_warnings():
        # Lightning 2.6 uses a name that torch 2.14 deprecates.
        warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
        # Channels-last gradients of 1x1 convolutions have other strides but the same memory layout.
        warnings.filterwarnings("ignore", "Grad strides do not match", UserWarning)
        if whole_epochs:
            trainer.fit(classifier, WholeEpochs(data.train_dataloader()), data.val_dataloader())
        else:
            trainer.fit(classifier, datamodule=data)
    device = trained_on(trainer.strategy.root_device)
    return Result(recorder.curve, device if ranks == 1 else f"{ranks} x {device}")


def weights(folder: str | Path) -> dict[str, Tensor]:
    """The network's weights in the last checkpoint of a folder, by their names in the network.

    Raises:
        CheckpointError: if there is none, or it is torn or altered.
    """
    from explorer.training.checkpoint import CheckpointError, load

    epochs = files.checkpoint_epochs(folder)
    if not epochs:
        raise CheckpointError(f"{folder}: no checkpoint (epoch_NNNN.safetensors)")
    return load(folder, epochs[-1]).part("model")


def _in_int8(data: DataModule, part: str, metric: Metric) -> InInt8:
    from explorer.training.int8 import measured  # TFLite Micro is an extra

    return partial(measured, data=data, part=part, metric=metric)


def _trainer(job: Job, recipe: recipes.Recipe, recorder: Recorder, accumulate: int) -> Trainer:
    """A Trainer without logger, progress bar, summary and pickles, which would cost time.

    `accumulate`: passes of an optimizer step, as Lightning counts them.
    """
    import torch
    from pytorch_lightning import Trainer
    from pytorch_lightning.plugins.environments import LightningEnvironment  # type: ignore[attr-defined]
    from pytorch_lightning.strategies import DDPStrategy

    # Lightning's notes on accelerators and its tips would fill a search's output.
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    # On a SLURM cluster Lightning recommends srun, which the launcher already uses.
    warnings.filterwarnings("ignore", "The `srun` command is available")
    # Filters that die have denormal gradients, which a CPU multiplies slowly.
    torch.set_flush_denormal(True)
    # Deterministic algorithms would fill every new tensor with NaN, to show reads of uninitialised memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    epochs = job.last_epoch - job.first_epoch
    evaluated = job.split == "train" or job.last_epoch == job.epochs
    return Trainer(
        accelerator="auto",
        devices=job.devices,
        # The ranks evaluate different numbers of batches, so nothing may be exchanged there; see `Classifier`.
        strategy="auto" if job.devices == 1 else DDPStrategy(forward_sync_buffers=False),
        use_distributed_sampler=False,
        precision=recipe.precision,  # type: ignore[arg-type]
        max_epochs=epochs,
        # The test images are used once, at the end.
        check_val_every_n_epoch=1 if job.split == "train" else epochs,
        limit_val_batches=None if evaluated else 0,
        accumulate_grad_batches=accumulate,
        callbacks=[recorder],
        # On any cluster: Lightning must join our processes alone.
        plugins=[LightningEnvironment()],
        deterministic=True,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=job.folder,
    )


def read_data(data: dict[str, Any]) -> DataModule:
    """A data set; it is cached, because a worker trains many networks on the same one.

    Raises:
        DataError: see `explorer.data.load`.
    """
    return _load(json.dumps(data, sort_keys=True))


@lru_cache(maxsize=1)
def _load(data: str) -> DataModule:
    return datasets.load(json.loads(data))


def device_name(device: torch.device) -> str:
    """A device in words, such as `cpu (Intel Xeon, 1 thread)` or `NVIDIA H100`."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type
    threads = torch.get_num_threads()
    return f"cpu ({processor()}, {threads} thread{'s' if threads > 1 else ''})"


def trained_on(device: torch.device) -> str:
    """A device as a training's bits depend on it: a CPU with the instruction set that torch uses, such as AVX512.

    The same processor may have less of it in a virtual machine, and ATEN_CPU_CAPABILITY lowers it.
    """
    import torch

    name = device_name(device)
    return f"{name[:-1]}, {torch.backends.cpu.get_cpu_capability()})" if device.type == "cpu" else name
