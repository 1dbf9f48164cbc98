"""How small a network gets without retraining, and what that costs: real weights, real images, real files.

    python benchmarks/lossy.py squeezenet_v1_0 squeezenet_v1_0.npz imagenet_samples --labels imagenet_samples/labels.csv

Every other image calibrates (as it is, and once more cropped and mirrored by chance, without its label), the others
judge. For each budget the weights are rounded, written to a .sqz file, read from it into a network, and its answers to
the judging images are held against the original's: mean Kullback-Leibler divergence of the softmax, share of images
with the same likeliest class, and the change of top-1, paired, with its standard error. With --format tflite
the file is one that TFLite Micro runs, and the answers are those of its integers.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402


def main() -> None:
    """Measures and prints."""
    from explorer.arch import architecture
    from explorer.compression.codec import container
    from explorer.compression.quantize import quantize
    from explorer.data import load
    from explorer.data.files import FilesDataModule
    from explorer.training.network import build
    from explorer.training.weights import load as load_weights

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help="a published network")
    parser.add_argument("weights", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--labels", help="CSV of the images' classes, as data=image_folder reads it")
    parser.add_argument("--budgets", type=int, nargs="+", default=[400_000, 350_000, 320_000])
    parser.add_argument("--views", type=int, default=1, help="cropped and mirrored, of each calibration image")
    parser.add_argument("--padding", type=int, default=1, help="of conv10, as in the SqueezeNet authors' file")
    parser.add_argument("--format", choices=("sqz", "tflite"), default="sqz")
    arguments = parser.parse_args()

    options = {"conv10_padding": arguments.padding} if arguments.target == "squeezenet_v1_0" else {}
    network_of = architecture(arguments.target, (3, 227, 227), 1000, options)
    original = build(network_of)
    load_weights(original, arguments.weights)
    tensors = {name: part.numpy() for name, part in original.state_dict().items() if part.is_floating_point()}

    labels = arguments.labels and str(Path(arguments.labels).absolute())
    data = load(
        {"name": "image_folder", "dir": str(arguments.images), "labels": labels, "workers": 0, "val": 0, "test": 0}
    )
    assert isinstance(data, FilesDataModule)
    samples = sorted(sample for part in data.parts.values() for sample in part)
    calibration, judging = samples[::2], samples[1::2]
    chance = torch.Generator().manual_seed(0)
    views = [data.preparation.image(file, None) for file, _ in calibration]
    for _ in range(arguments.views):
        views += [data.preparation.image(file, chance) for file, _ in calibration]
    images = torch.stack(views)
    judged = torch.stack([data.preparation.image(file, None) for file, _ in judging])
    classes = torch.tensor([label for _, label in judging])

    before = answers(original, judged)
    right = (before.argmax(1) == classes).double()
    print(f"{arguments.target}, {sum(part.size for part in tensors.values()):,} parameters; {len(images)} images")
    print(f"calibrate, {len(judged)} others judge: top-1 of the original {100 * right.mean():.1f} %\n")
    print("   budget     bytes      KL ± error    same top-1    top-1 gained, paired  CPU seconds")
    with tempfile.TemporaryDirectory() as folder:
        for budget in arguments.budgets:
            started, file = time.process_time(), Path(folder) / f"net.{arguments.format}"
            if arguments.format == "tflite":
                from explorer.compression import given_executed, tflite  # TFLite Micro is an extra

                facts = data.preparation_facts()
                network, image = given_executed.rounded(network_of, tensors, images, facts, budget, report=report)
                arena = tflite.write(network, image, file, judged)
                seconds, size = time.process_time() - started, file.stat().st_size
                after = answers(given_executed.Executed(network, image), judged)
                words = judgement(before, after, classes)
                print(f"{budget:>9,} {size:>9,}  {words}    {seconds:7.0f}  arena {arena:,}", flush=True)
                continue
            size = container.write(
                file, network_of, quantize(network_of, tensors, images, budget=budget, report=report)
            )
            seconds = time.process_time() - started
            read, parts = container.read(file)
            made = build(read)
            made.load_state_dict({name: torch.from_numpy(part) for name, part in parts.items()}, strict=False)
            after = answers(made, judged)
            print(f"{budget:>9,} {size:>9,}  {judgement(before, after, classes)}    {seconds:7.0f}", flush=True)


def judgement(before: Tensor, after: Tensor, classes: Tensor) -> str:
    """Answers after against those before, logits (N, classes): divergence, agreement, paired gain of top-1."""
    first, second = before.double().log_softmax(1), after.double().log_softmax(1)
    divergence = (first.exp() * (first - second)).sum(1)
    same = (before.argmax(1) == after.argmax(1)).double()
    gained = (after.argmax(1) == classes).double() - (before.argmax(1) == classes).double()
    root = len(classes) ** 0.5
    return (
        f"{divergence.mean():.4f} ± {divergence.std() / root:.4f}    {100 * same.mean():6.1f} %     "
        f"{100 * gained.mean():+5.1f} ± {100 * gained.std() / root:.1f} points"
    )


def answers(network: torch.nn.Module, images: Tensor) -> Tensor:
    """Logits, (N, classes)."""
    network.eval()
    with torch.inference_mode():
        return torch.cat([network(batch) for batch in images.split(25)])


def report(line: str) -> None:
    """Prints progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
