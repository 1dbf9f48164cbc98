"""The whole way with pictures as people have them: search, report, retrain, compress, evaluate, the ONNX file alone."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from tests.conftest import REFERENCE
from tests.support.processes import SPACE, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*"),
]
COARSE = {"other_animals": 151, "dogs": 269, "mammals_and_insects": 398, "things_a_to_m": 700, "things_n_to_z": 1000}
"""Of ImageNet's classes in their order, the first that belongs to the next."""
DATA = ["data=image_folder", "data.dir=photos", "data.side=36", "data.crop=32", "data.order=rgb"]
DATA += ["data.mean=[124,116,104]", "data.std=[60,60,60]"]


def real(folder: Path) -> int:
    """500 pictures of ImageNet's validation set in five coarse classes; their number."""
    with (REFERENCE / "imagenet_samples" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        name = next(name for name, end in COARSE.items() if int(row["class_index"]) < end)
        (folder / name).mkdir(parents=True, exist_ok=True)
        place = REFERENCE / "imagenet_samples" / row["file"]
        (folder / name / place.name).symlink_to(place)
    return len(rows)


def generated(folder: Path) -> int:
    """Where there are none: waves of five directions in grey; their number."""
    for number, name in enumerate(COARSE):
        (folder / name).mkdir(parents=True)
        for i in range(40):
            rng = np.random.default_rng([number, i])
            rows, columns = np.mgrid[: 60 + i, :90]
            wave = np.sin((rows * np.cos(number * 0.6) + columns * np.sin(number * 0.6)) / 4 + rng.uniform(0, 6))
            pixels = 128 + 80 * wave[..., None] + rng.normal(0, 20, (*wave.shape, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{i}.jpg", quality=90)
    return 40 * len(COARSE)


def every_kind(folder: Path) -> int:
    """Beside them what else lies in people's folders; how many of these are pictures."""
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (50, 70, 3), dtype=np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    picture.save(folder / "turned.jpg", exif=turned)
    picture.convert("RGBA").save(folder / "clear.png")
    Image.fromarray(rng.integers(0, 2**16, (40, 40), dtype=np.uint16)).save(folder / "deep.png")
    picture.save(folder / "moving.gif", save_all=True, append_images=[picture.rotate(90)])
    picture.save(folder / "older.tga")
    (folder / "._turned.jpg").write_bytes(b"of another system")
    (folder / "notes.txt").write_text("taken in June")
    (folder.parent / ".git").mkdir()
    (folder.parent / ".git" / "x.jpg").write_bytes(b"no picture")
    return 5


def test_pictures_of_ones_own(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    number = real(photos) if REFERENCE.is_dir() else generated(photos)
    number += every_kind(photos / "dogs")
    (tmp_path / "small.yaml").write_text(SPACE)
    search = ["+space=small", "--config-dir", ".", *DATA, "n_trials=3", "epochs=2", "launcher.devices=[cpu]"]
    printed = run(tmp_path, "explorer.search", *search)
    assert re.search(rf"{number} pictures, 5 classes \(smallest \d+, largest \d+\), train / val / test", printed)
    assert "skipped: 1 .txt, 2 hidden" in printed
    assert "always saying '" in printed
    run(tmp_path, "explorer.report")
    assert "always one class" in (tmp_path / "report.html").read_text()
    printed = run(tmp_path, "explorer.retrain", "1", "seeds=1", "output=winner")
    assert "reproduced exactly" in printed
    assert "balanced accuracy" in printed
    outcome = json.loads((tmp_path / "winner" / "outcome.json").read_text())
    assert set(outcome["class_names"]) == set(COARSE)
    scores = run(tmp_path, "explorer.evaluate", "winner", *DATA, "part=test", "data.cache=null")
    assert f"{100 * outcome['test_acc'][0]:.2f}" in scores
    check_the_file_alone(photos, tmp_path / "winner" / "model.onnx", number)
    small = ["smallest", "within=0.99", "ratio=3", "seeds=1", "epochs=2", "rounds=1", "output=compressed"]
    assert "times below fp32" in run(tmp_path, "explorer.compress", *small)


def check_the_file_alone(photos: Path, model: Path, number: int) -> None:
    """Pictures as they are in, names of classes out: nearly always what it says of what training made of them."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    from explorer.data.preparation import Preparation

    preparation = Preparation("warp", 36, 32, "rgb", (0.0,) * 3, (1.0,) * 3, False)
    files = sorted(photos.glob("[!.]*/[!.]*.JPEG")) or sorted(photos.glob("[!.]*/[0-9]*.jpg"))
    same = []
    for file in files[:: len(files) // 40]:
        with Image.open(file) as opened:
            whole = np.asarray(opened.convert("RGB")).transpose(2, 0, 1)[None]
        prepared = preparation.decoded(str(file)).pixels[None]
        answers = [
            session.run(["label"], {"images": images})[0][0] for images in (whole, np.ascontiguousarray(prepared))
        ]
        assert answers[0] in COARSE
        same.append(answers[0] == answers[1])
    assert len(same) >= 40
    assert np.mean(same) >= 0.9, number
