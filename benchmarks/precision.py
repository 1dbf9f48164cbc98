"""python -m benchmarks.precision: what `recipe.precision=auto` makes of a training step, against fp32.

Two networks in a process of one thread each round: 28 thousand parameters on 56 px, and SqueezeNet v1.0 on digits. The
unit is the share of fp32's time that a step takes in the precision that was found, so 1 where fp32 is kept.
"""

from __future__ import annotations

from benchmarks import isolated
from benchmarks.networks import NETWORKS, recipe
from benchmarks.row import Row, not_run, print_rows, versus

COMMAND = "python -m benchmarks.precision"
ROUNDS = 5
SIDE = 56


def rows(quick: bool) -> list[Row]:
    """The rows of the table."""
    found = isolated.rows("benchmarks.precision", "measure", quick)
    gpu = isolated.rows("benchmarks.precision", "measure", quick, gpu=True) if isolated.gpus() else []
    return found + (gpu or [not_run("step in the precision of `auto`", "fp32", "of fp32's time", COMMAND)])


def measure(quick: bool) -> list[Row]:
    """Measures on the device that this process sees."""
    from explorer.arch import totals
    from explorer.arch.families.fire import fire
    from explorer.training.precision import faster_precision

    small = fire((3, SIDE, SIDE), 10, modules=4, base_e=64, incr_e=32, stem=32, squeeze_ratio=0.1875)
    networks = {f"{totals(small).params // 1000} thousand params, {SIDE} px": small}
    networks |= {name: make() for name, make in NETWORKS.items() if "SqueezeNet" in name}
    measured = []
    for name, network in networks.items():
        found = [faster_precision(network.to_json(), recipe()) for _ in range(1 if quick else ROUNDS)]
        share = [1 / each["speedup"] if each["precision"] == "bf16-mixed" else 1.0 for each in found]
        speed = sorted(each["speedup"] for each in found)[len(found) // 2]
        about = f"step in the precision of `auto`, {name}: {found[-1]['precision']}, bf16 is {speed:g}x as fast"
        peer, device = [1.0] * len(share), found[-1]["device"]
        measured.append(versus(about, "fp32", share, peer, "of fp32's time", device, COMMAND))
    return measured


if __name__ == "__main__":
    print_rows(rows, __doc__)
