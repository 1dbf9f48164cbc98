"""The loop that one writes by hand in PyTorch: benchmarks.step's peer, with the recipe, data and evaluation of ours."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.networks import recipe
from benchmarks.plain import twin
from explorer.arch import Architecture
from explorer.data import load
from explorer.data.module import generator
from explorer.training import recipe as recipes
from explorer.training.classifier import initialise, revive
from explorer.training.network import build, channels_last


def train(architecture: str, epochs: int, seed: int, device: torch.device, tricks: bool) -> float:
    """Trains a network on digits; returns its val_acc.

    Args:
        architecture: as JSON.
        epochs: full length.
        seed: of initial weights and order.
        device: holds network and images from the first to the last step.
        tricks: a fused optimizer; on a CPU channels-last.
    """
    own = recipes.read(recipe())
    torch.manual_seed(seed)
    data = load({"name": "digits"})
    images, labels = (torch.cat(each).to(device) for each in zip(*data.evaluation("train"), strict=True))
    val_images, val_labels = (torch.cat(each).to(device) for each in zip(*data.evaluation("val"), strict=True))
    described = Architecture.from_json(architecture)
    drawn = build(described)
    initialise(drawn, own, generator(seed, 0))
    revive(drawn, images[: own.batch_size].cpu())
    network = twin(drawn, described).to(device)
    optimizer = torch.optim.AdamW(
        network.parameters(), own.lr, (own.momentum, own.beta2), weight_decay=own.weight_decay, fused=tricks or None
    )
    steps = epochs * math.ceil(len(labels) / own.batch_size)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: own.rate(step, steps) / own.lr)
    last_too = tricks and device.type == "cpu"
    accuracy = 0.0
    for _ in range(epochs):
        network.train()
        total = torch.zeros((), device=device)
        for batch in torch.randperm(len(labels), device=device).split(own.batch_size):
            logits = network(channels_last(images[batch]) if last_too else images[batch])
            loss = F.cross_entropy(logits, labels[batch], label_smoothing=own.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), own.clip or math.inf)
            optimizer.step()
            scheduler.step()
            total += loss.detach() * len(batch)
        network.eval()
        with torch.no_grad():
            logits = network(channels_last(val_images) if last_too else val_images)
            val_loss = F.cross_entropy(logits, val_labels)
        print(f"loss {float(total) / len(labels):.4f}, val_loss {float(val_loss):.4f}")
        accuracy = float((logits.argmax(1) == val_labels).float().mean())
    return accuracy
