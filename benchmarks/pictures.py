"""python -m benchmarks.pictures: an epoch over a folder of JPEGs, and making its cache.

A network of about 30,000 parameters sees pictures of 64x64 pixels. From the second epoch on they come from the cache;
beside it the same pixels as numpy files, the same folder decoded in every epoch by two loader processes, and the loop
that one writes by hand over torchvision's ImageFolder. Making the cache stands beside decoding every file with Pillow
alone, over as many threads.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import isolated
from benchmarks.networks import recipe
from benchmarks.row import Row, print_rows, versus

COMMAND = "python -m benchmarks.pictures"
SIDE, CLASSES, BATCH_SIZE = 64, 3, 32
SETS = {"3000x2250": (150, 3000, 2250, 15.0, 8.0), "376x263": (500, 376, 263, 1.5, None)}
"""Pixels of the JPEGs: how many, width, height; asked of an epoch against decoding in each, and against torchvision."""


def rows(quick: bool) -> list[Row]:
    """The rows of the table."""
    return isolated.rows("benchmarks.pictures", "measure", quick)


def measure(quick: bool) -> list[Row]:
    """Measures both folders."""
    return [row for name, asked in SETS.items() for row in _measure(name, *asked, quick)]


def _measure(
    name: str, count: int, width: int, height: int, decoding: float, torchvision: float | None, quick: bool
) -> list[Row]:
    from explorer.data import load

    count, rounds = (30, 1) if quick else (count, 3)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "photos")
        _photos(folder, count, width, height)
        options = _options(folder, Path(scratch, "pictures"))
        made, plain = [], []
        for number in range(rounds):
            once: Any = load(options | {"cache": str(Path(scratch, f"once_{number}"))})
            begun = time.perf_counter()
            once.check_images()
            made.append(time.perf_counter() - begun)
            plain.append(_decode([file for held in once.parts.values() for file, _ in held]))
        kept = load(options)
        arrays = _as_arrays(kept, Path(scratch))
        ours, memory, decoded, hand = [], [], [], []
        for number in range(rounds):
            one, device = _epoch(options, Path(scratch, f"a{number}"))
            ours.append(one)
            memory.append(_epoch(arrays, Path(scratch, f"b{number}"))[0])
            decoded.append(_epoch(options | {"cache": None, "draft": False}, Path(scratch, f"c{number}"))[0])
            if torchvision:
                hand.append(_by_hand(kept))
    what = f"an epoch over {count} JPEGs of {name}, from the second on"
    found = [
        versus(what, "the same pixels as numpy files", ours, memory, "s", device, COMMAND, bar=1 / 1.05),
        versus(what, "decoded in every epoch, 2 processes", ours, decoded, "s", device, COMMAND, bar=decoding),
        versus(
            f"the cache of {count} JPEGs of {name}",
            "Pillow decoding them",
            made,
            plain,
            "s",
            device,
            COMMAND,
            bar=1 / 1.1,
        ),
    ]
    if torchvision:
        peer = "torchvision's ImageFolder, DataLoader of 2 processes, a loop by hand"
        found.append(versus(what, peer, ours, hand, "s", device, COMMAND, bar=torchvision))
    return found


def _photos(folder: Path, count: int, width: int, height: int) -> None:
    """JPEGs with the frequencies of photos: noise of every scale."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for number in range(count):
        kind = folder / str(number % CLASSES)
        kind.mkdir(parents=True, exist_ok=True)
        scales = [Image.fromarray(rng.integers(0, 256, (2**k, 2**k, 3), dtype=np.uint8)) for k in (2, 4, 6, 8)]
        layers = [np.asarray(one.resize((width, height), Image.Resampling.BICUBIC), np.float32) for one in scales]
        Image.fromarray(np.mean(layers, axis=0).astype(np.uint8)).save(kind / f"{number}.jpg", quality=90)


def _options(folder: Path, cache: Path) -> dict[str, Any]:
    about = {"name": "image_folder", "dir": str(folder), "side": SIDE, "crop": SIDE, "order": "rgb", "workers": 2}
    return about | {"mean": [128, 128, 128], "std": [64, 64, 64], "draft": True, "cache": str(cache)}


def _as_arrays(kept: Any, folder: Path) -> dict[str, Any]:
    """The same pixels and parts as numpy files."""
    for part in ("train", "val", "test"):
        images = np.stack([np.asarray(each) for each in kept.cache.pictures([file for file, _ in kept.parts[part]])])
        np.savez(folder / f"{part}.npz", images=images, labels=[label for _, label in kept.parts[part]])
    parts = {part: str(folder / f"{part}.npz") for part in ("train", "val", "test")}
    return {"name": "arrays", **parts, "mean": [128, 128, 128], "std": [64, 64, 64], "mirror": True}


def _network() -> Any:
    from explorer.arch.families.fire import fire

    return fire((3, SIDE, SIDE), CLASSES, modules=4, base_e=64, incr_e=32, stem=32, squeeze_ratio=0.1875)


def _epoch(data: dict[str, Any], folder: Path) -> tuple[float, str]:
    """Seconds of a training epoch from the second on, the least of three, and the device."""
    from explorer.training.job import Job, run

    how = recipe() | {"batch_size": BATCH_SIZE}
    done = run(Job(_network().to_json(), how, data, 0, 0, 4, 4, str(folder)))
    return min(each["seconds"] for each in done.curve[1:]), done.device


def _decode(files: list[str]) -> float:
    """Seconds in which Pillow decodes files, over all cores."""
    import joblib
    from PIL import Image

    begun = time.perf_counter()
    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        list(pool.map(lambda file: Image.open(file).convert("RGB").load() and None, files))
    return time.perf_counter() - begun


def _by_hand(kept: Any) -> float:
    """Seconds of the second epoch of the loop that one writes by hand: training, then evaluation."""
    import torch
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, Subset
    from torchvision import datasets, transforms

    from benchmarks.plain import plain

    mean = std = (0.5, 0.5, 0.5)
    flipped = [transforms.RandomHorizontalFlip(), transforms.ToTensor(), transforms.Normalize(mean, std)]
    resized = transforms.Resize((SIDE, SIDE))
    folder = kept.cache.root
    sets = [datasets.ImageFolder(folder, transforms.Compose([resized, *flipped[first:]])) for first in (0, 1)]
    place = {file: number for number, (file, _) in enumerate(sets[0].samples)}
    chosen = [[place[file] for file, _ in kept.parts[part]] for part in ("train", "val")]
    train, val = (
        DataLoader(Subset(held, which), BATCH_SIZE, shuffle=not number, num_workers=2, persistent_workers=True)
        for number, (held, which) in enumerate(zip(sets, chosen, strict=True))
    )
    network = plain(_network())
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    seconds = 0.0
    for _ in range(2):
        begun = time.perf_counter()
        network.train()
        for images, labels in train:
            optimizer.zero_grad()
            F.cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        network.eval()
        with torch.no_grad():
            for images, labels in val:
                F.cross_entropy(network(images), labels)
        seconds = time.perf_counter() - begun
    return seconds


if __name__ == "__main__":
    print_rows(rows, __doc__)
