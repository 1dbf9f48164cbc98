"""What given weights are worth: the authors' own on real images, and small ones checked by hand."""

import csv
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from explorer import data as datasets
from explorer.arch import architecture
from explorer.arch.families.fire import fire
from explorer.cli.config import folder
from explorer.evaluate import main
from explorer.training.evaluation import evaluate
from explorer.training.network import build
from explorer.training.weights import WeightsError
from tests.support import warm

SMALL = {"side": 20, "crop": 16}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return warm.command("explorer.evaluate", *words)


@pytest.fixture
def printed(capsys) -> Callable[..., str]:
    """Runs the command in this process, which saves the imports; gives what it printed."""

    def call(*words: str) -> str:
        words = (f"target={words[0]}", *words[1:]) if words and "=" not in words[0] else words
        with hydra.initialize_config_dir(str(folder("conf").absolute()), version_base="1.3"):
            config = hydra.compose("evaluate", overrides=list(words))
        capsys.readouterr()
        assert main(config) == 0
        return capsys.readouterr().out

    return call


@pytest.fixture
def measured(printed) -> Callable[..., dict[str, Any]]:
    """The same as data."""
    return lambda *words: json.loads(printed(*words, "format=json"))


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """Folders images (3 classes of 7) and net (random weights of a small network, as retrain leaves them)."""
    folder, rng = tmp_path_factory.mktemp("small"), np.random.default_rng(0)
    for name in ("cat", "dog", "emu"):
        (folder / "images" / name).mkdir(parents=True)
        for i in range(7):
            pixels = rng.integers(0, 256, (18 + i, 25, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "images" / name / f"{i}.png")
    torch.manual_seed(0)
    network = fire((3, 16, 16), 3, modules=2, base_e=8, final_relu=False)
    (folder / "net").mkdir()
    (folder / "net" / "architecture.json").write_text(network.to_json())
    save_file(build(network).state_dict(), folder / "net" / "weights.safetensors")
    return folder


@pytest.mark.slow
def test_the_authors_weights_on_real_images(reference, tmp_path, measured):
    images = reference / "imagenet_samples"
    with (images / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))[::5]
    with (tmp_path / "some.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    weights = f"weights={reference / 'squeezenet_v1_0.npz'}"
    words = ("squeezenet_v1_0", weights, f"data.dir={images}", f"data.labels={tmp_path / 'some.csv'}")
    right, wrong = measured(*words, "data=image_folder"), measured(*words, "data.order=rgb")
    assert right["images"] == 100
    assert "conv10 is padded by 1" in right["notes"][0]
    # 65.5 % and 85.9 % over the thousand images that these are from; 46 % with the channels the other way round.
    assert abs(right["top1"] - 0.655) < 3 * right["top1_error"]
    assert abs(right["top5"] - 0.859) < 3 * right["top5_error"]
    assert right["loss"] < 2 < wrong["loss"]
    assert wrong["top1"] < right["top1"] - 0.1
    with pytest.raises(WeightsError, match=r"npz: conv1.weight is \(96, 3, 7, 7\), the network's conv1.weight \(64, 3"):
        measured("squeezenet_v1_1", *words[1:])


def test_numbers_by_hand(small):
    """Everything anew in numpy from the files: preparation, top-k, loss, standard errors."""
    data = datasets.load({"name": "image_folder", "dir": str(small / "images"), "val": 0, "test": 1.0, **SMALL})
    network = build(fire((3, 16, 16), 3, modules=2, base_e=8, final_relu=False))
    scores = evaluate(network, data, "test")
    losses, hits = [], []
    for label, name in enumerate(("cat", "dog", "emu")):
        for file in sorted((small / "images" / name).iterdir()):
            pixels = np.asarray(Image.open(file).resize((20, 20), Image.Resampling.BILINEAR), dtype=np.float32)
            pixels = pixels[2:18, 2:18, ::-1] - np.array([104, 117, 123], dtype=np.float32)
            with torch.no_grad():
                logits = network(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None])[0].double().numpy()
            losses.append(np.log(np.exp(logits).sum()) - logits[label])
            hits.append(logits.argmax() == label)
    assert scores.images == 21
    assert scores.top1 == pytest.approx(np.mean(hits))
    assert scores.top1_error == pytest.approx(np.sqrt(np.mean(hits) * (1 - np.mean(hits)) / 21))
    assert scores.loss == pytest.approx(np.mean(losses), rel=1e-4)
    assert scores.loss_error == pytest.approx(np.std(losses) / np.sqrt(21), rel=1e-4)
    assert scores.top5 == 1
    assert scores.top5_error == 0


def test_equal_logits_are_no_hit():
    """A network whose last ReLU is dead says nothing; it must not be right everywhere."""
    network = build(fire((1, 8, 8), 10, modules=2, base_e=8, final_relu=True))
    with torch.no_grad():
        network.conv10.weight.zero_()
        network.conv10.bias.fill_(-1)
    scores = evaluate(network, datasets.load({"name": "digits"}), "test")
    assert scores.top1 == pytest.approx(0.1, abs=0.02)
    assert scores.top5 == pytest.approx(0.5, abs=0.04)
    assert scores.loss == pytest.approx(np.log(10))


def test_a_retrained_folder(small, measured, printed):
    place = (f"data.dir={small / 'images'}", "data.side=20", "data.crop=16", "data.workers=0")
    kept = measured(str(small / "net"), *place)
    assert (kept["images"], kept["part"], kept["params"]) == (21, "test", 2917)
    file = measured(
        str(small / "net" / "architecture.json"), f"weights={small / 'net' / 'weights.safetensors'}", *place
    )
    assert {**file, "seconds": 0, "target": ""} == {**kept, "seconds": 0, "target": ""}
    part = measured(str(small / "net"), *place, "part=val", "data.val=6")
    assert part["images"] == 6
    words = printed(str(small / "net"), *place)
    assert f"top-1  {100 * kept['top1']:.2f} ± {100 * kept['top1_error']:.2f} %" in words
    assert "21 images of image_folder on " in words
    assert "images/s" in words


def test_a_checkpoint_and_caffes_names(small, tmp_path, measured):
    network = build(architecture("squeezenet_v1_0", (3, 16, 16), 3, {"conv10_padding": 1}))
    ours = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    checkpoint = {f"model.{name}": tensor for name, tensor in ours.items()}
    save_file(checkpoint | {"optimizer.conv1.weight.step": torch.ones(())}, tmp_path / "epoch_0001.safetensors")
    caffe = {name.replace(".squeeze.", "/squeeze1x1.").replace(".expand", "/expand"): t for name, t in ours.items()}
    np.savez(tmp_path / "caffe.npz", **{name: tensor.numpy() for name, tensor in caffe.items()})
    place = (f"data.dir={small / 'images'}", "data.side=20", "data.crop=16", "data.workers=0", "classes=3")
    padded = measured(f"weights={tmp_path / 'caffe.npz'}", *place)
    same = measured(f"weights={tmp_path / 'epoch_0001.safetensors'}", *place, "+options.conv10_padding=1")
    unpadded = measured(f"weights={tmp_path / 'caffe.npz'}", *place, "+options.conv10_padding=0")
    assert any("conv10 is padded" in note for note in padded["notes"])
    assert padded["loss"] == same["loss"] != unpadded["loss"]
    assert padded["identity"] == same["identity"] != unpadded["identity"]
    assert not any("conv10" in note for note in same["notes"] + unpadded["notes"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "which weights? weights= an .npz or .safetensors file"),
        (["weights=absent.npz"], "absent.npz: no such file"),
        (
            ["nonsense", "weights={net}/weights.safetensors", "data=digits"],
            "target is 'nonsense', expected one of alex",
        ),
        (["weights={net}/weights.safetensors", "data=digits", "+options.conv11=1"], "options has 'conv11', expected"),
        (["{net}", "data=digits"], "the network has images of shape (3, 16, 16), data digits gives (1, 8, 8)"),
        (["{net}", "data=digits", "+options.freq=1"], "options and classes go with a published network"),
        (["{net}", "data=digits", "part=all"], "part is 'all', expected one of train, val, test, or null"),
        (
            ["weights={net}/weights.safetensors", "data.dir={images}"],
            "3 classes, the network 1000 outputs; data.labels",
        ),
        (["weights={net}/weights.safetensors", "data=digits", "classes=4"], "10 classes, the network 4 outputs"),
        (["weights={net}/weights.safetensors", "data=digits", "classes=10"], "no layer fire4.squeeze"),
    ],
)
def test_what_does_not_go_together(small, printed, words, message):
    place = {"net": small / "net", "images": small / "images"}
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        printed(*(word.format(**place) for word in words))
    assert type(caught.value).__module__.startswith("explorer.")  # which the command line tells in one line, exit 2


@pytest.mark.slow
def test_a_broken_image_is_named(small, tmp_path):
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    (tmp_path / "labels.csv").write_text("file,class_index\ntorn.png,0\n")
    words = (str(small / "net"), f"data.dir={tmp_path}", f"data.labels={tmp_path / 'labels.csv'}")
    done = run(*words, "data.side=20", "data.crop=16", "data.workers=1")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith(f"explorer.evaluate: {tmp_path / 'torn.png'}: no readable")
