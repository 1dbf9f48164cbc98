"""Every data set: shapes, splits, no leak; orders and augmentation by (seed, epoch); absent data said in one line."""

import gzip
import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from explorer.data import NAMES, OWN, DataError, load
from explorer.data.fashion_mnist import FILES, read_idx
from explorer.data.folder import scan
from explorer.data.memory import MemoryDataModule, Pixels
from explorer.data.module import DataModule
from explorer.data.preparation import Preparation
from tests.support.pictures import pictures

CONF = Path(__file__).parents[2] / "conf" / "data"
Maker = Callable[[Path, pytest.MonkeyPatch], dict[str, Any]]


def idx(array: np.ndarray[Any, Any]) -> bytes:
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return bytes([0, 0, 8, array.ndim]) + lengths + array.astype(np.uint8).tobytes()


def grey_images(count: int, side: int) -> np.ndarray[Any, Any]:
    """Every image different: its number is in its first two pixels."""
    images = np.random.default_rng(count).integers(0, 256, (count, side, side), dtype=np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.arange(count) % 256, np.arange(count) // 256
    return images


def fashion_mnist(folder: Path, _: pytest.MonkeyPatch) -> dict[str, Any]:
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    arrays = (grey_images(200, 28), np.arange(200) % 10, grey_images(250, 28)[200:], np.arange(50) % 10)
    for i, (name, array) in enumerate(zip(FILES, arrays, strict=True)):
        if i % 2:
            (raw / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (raw / name).write_bytes(idx(array))
    return {"dir": str(folder), "download": False, "val": 50}


def cifar(classes: int) -> Maker:
    def make(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        from torchvision import datasets

        kind = datasets.CIFAR10 if classes == 10 else datasets.CIFAR100
        place = folder / kind.base_folder
        place.mkdir(parents=True)

        def write(name: str, content: dict[str, Any]) -> str:
            (place / name).write_bytes(pickle.dumps(content))
            return hashlib.md5((place / name).read_bytes(), usedforsecurity=False).hexdigest()

        def batch(first: int, count: int) -> dict[str, Any]:
            data = np.random.default_rng(first).integers(0, 256, (count, 3072), dtype=np.uint8)
            labels = [i % classes for i in range(count)]
            return {"data": data, "labels" if classes == 10 else "fine_labels": labels}

        # The format is the real one; the checksums are those of the small files.
        per = 4 * classes
        train = [[name, write(name, batch(i, per))] for i, (name, _) in enumerate(kind.train_list)]
        test = [[name, write(name, batch(99, per))] for name, _ in kind.test_list]
        names = {kind.meta["key"]: [f"class {i}" for i in range(classes)]}
        monkeypatch.setattr(kind, "train_list", train)
        monkeypatch.setattr(kind, "test_list", test)
        monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": write(kind.meta["filename"], names)})
        return {"dir": str(folder), "download": False, "val": 2 * classes}

    return make


def image_folder(folder: Path, _: pytest.MonkeyPatch) -> dict[str, Any]:
    pictures(folder, 3, 10)
    return {"dir": str(folder), "side": 32, "crop": 24, "workers": 0, "cache": str(folder.with_name("kept"))}


def arrays(folder: Path, _: pytest.MonkeyPatch) -> dict[str, Any]:
    images = np.random.default_rng(0).integers(0, 256, (90, 9, 11, 3), dtype=np.uint8)
    np.savez(folder / "x.npz", images=images, labels=np.arange(90) % 3, class_names=["a", "b", "c"])
    return {"train": str(folder / "x.npz")}


def imagenet(folder: Path, _: pytest.MonkeyPatch) -> dict[str, Any]:
    pictures(folder / "train", 3, 8)
    pictures(folder / "val", 3, 2, offset=50)
    return {"dir": str(folder), "side": 32, "crop": 24, "val": 6, "workers": 0}


def huggingface(folder: Path, _: pytest.MonkeyPatch) -> dict[str, Any]:
    import datasets

    random = np.random.default_rng(0)
    images = [Image.fromarray(random.integers(0, 256, (20 + i % 7, 30, 3), dtype=np.uint8)) for i in range(30)]
    kinds = datasets.Features({"photo": datasets.Image(), "kind": datasets.ClassLabel(names=["a", "b", "c"])})
    held = datasets.Dataset.from_dict({"photo": images, "kind": [i % 3 for i in range(30)]}, features=kinds)
    held.save_to_disk(folder / "saved")
    return {"dir": str(folder / "saved"), "side": 32, "crop": 24, "cache": str(folder / "kept")}


EXAMPLES: dict[str, tuple[Maker, tuple[int, int, int], int, dict[str, int]]] = {
    "digits": (lambda folder, patch: {}, (1, 8, 8), 10, {"train": 1077, "val": 360, "test": 360}),
    "fashion_mnist": (fashion_mnist, (1, 28, 28), 10, {"train": 150, "val": 50, "test": 50}),
    "cifar10": (cifar(10), (3, 32, 32), 10, {"train": 180, "val": 20, "test": 40}),
    "cifar100": (cifar(100), (3, 32, 32), 100, {"train": 200, "val": 200, "test": 400}),
    "image_folder": (image_folder, (3, 24, 24), 3, {"train": 18, "val": 6, "test": 6}),
    "arrays": (arrays, (3, 9, 11), 3, {"train": 54, "val": 18, "test": 18}),
    "huggingface": (huggingface, (3, 24, 24), 3, {"train": 18, "val": 6, "test": 6}),
    "imagenet": (imagenet, (3, 24, 24), 3, {"train": 18, "val": 6, "test": 6}),
}


@pytest.fixture(params=NAMES)
def example(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, dict[str, Any]]:
    name = request.param
    with (CONF / f"{name}.yaml").open() as file:
        options = yaml.safe_load(file)
    return name, options | EXAMPLES[name][0](tmp_path, monkeypatch)


def every(loader: Any) -> tuple[torch.Tensor, torch.Tensor]:
    batches = list(loader)
    return torch.cat([images for images, _ in batches]), torch.cat([labels for _, labels in batches])


def keys(images: torch.Tensor) -> set[bytes]:
    return {image.numpy().tobytes() for image in images}


def test_facts_and_shapes(example: tuple[str, dict[str, Any]]) -> None:
    name, options = example
    data = load(options)
    _, shape, classes, images = EXAMPLES[name]
    assert (data.name, data.input_shape, data.classes, data.images) == (name, shape, classes, images)
    assert len(data.class_names) == classes
    for part, count in images.items():
        pixels, labels = every(data.evaluation(part))
        assert pixels.shape == (count, *shape)
        assert (pixels.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert 0 <= int(labels.min()) <= int(labels.max()) < classes


def test_splits_are_stratified_fixed_and_apart(example: tuple[str, dict[str, Any]]) -> None:
    name, options = example
    parts = {part: every(load(options).evaluation(part)) for part in ("train", "val", "test")}
    again = {part: every(load(options).evaluation(part)) for part in ("train", "val", "test")}
    for part, (images, labels) in parts.items():
        assert torch.equal(images, again[part][0])
        counts = labels.bincount(minlength=EXAMPLES[name][2])
        assert int(counts.max() - counts.min()) <= (6 if name == "digits" else 1), part
    sets = {part: keys(images) for part, (images, _) in parts.items()}
    assert not sets["train"] & sets["val"]
    assert not sets["test"] & (sets["train"] | sets["val"])
    other, _ = every(load(options | {"split_seed": 1}).evaluation("val"))
    assert keys(other) != sets["val"]
    assert len(other) == len(parts["val"][0])


def test_the_order_is_that_of_seed_and_epoch(example: tuple[str, dict[str, Any]]) -> None:
    _, options = example
    data = load(options)

    def epoch(seed: int, first: int, then: int) -> tuple[torch.Tensor, torch.Tensor]:
        data.arrange("train", 7, seed, first)
        loader = data.train_dataloader()
        (loader.batch_sampler or loader).sampler.set_epoch(then)
        return every(loader)

    images, labels = epoch(3, 0, 5)
    resumed, resumed_labels = epoch(3, 5, 0)
    assert torch.equal(images, resumed)
    assert torch.equal(labels, resumed_labels)
    assert len(images) == data.images["train"]
    for other in ((3, 0, 4), (4, 0, 5)):
        assert not torch.equal(images, epoch(*other)[0])


def test_trainval_trains_on_both_and_evaluates_on_test(example: tuple[str, dict[str, Any]]) -> None:
    data = load(example[1])
    data.arrange("trainval", 16)
    assert data.fit_images == data.images["train"] + data.images["val"]
    _, labels = every(data.train_dataloader())
    both = torch.cat([every(data.evaluation(part))[1] for part in ("train", "val")])
    assert torch.equal(labels.bincount(), both.bincount())
    assert torch.equal(every(data.val_dataloader())[0], every(data.evaluation("test"))[0])
    with pytest.raises(DataError, match="split is 'all', expected one of train, trainval"):
        data.arrange("all")


def test_batches_of_an_epoch_differ_by_one_image_at_most() -> None:
    data = load({"name": "digits"})
    data.arrange("train", 64)
    sizes = [len(labels) for _, labels in data.train_dataloader()]
    assert sum(sizes) == 1077
    assert len(sizes) == len(data.train_dataloader()) == 17
    assert max(sizes) - min(sizes) <= 1


def test_digits_are_normalised() -> None:
    images, _ = every(load({"name": "digits"}).evaluation("train"))
    assert abs(float(images.mean())) < 0.01
    assert abs(float(images.std()) - 1) < 0.01


def test_augmentation_moves_and_mirrors() -> None:
    images = torch.arange(2 * 1 * 4 * 4, dtype=torch.uint8).view(2, 1, 4, 4).repeat(40, 1, 1, 1)

    def varied(**how: Any) -> torch.Tensor:
        pixels = Pixels((0.0,), (1.0,), **how)
        return pixels.varied(images, pixels.draws(len(images), torch.Generator().manual_seed(0)))

    moved = varied(shift=1)
    padded = torch.nn.functional.pad(images[0], [1] * 4)
    places = {padded[:, y : y + 4, x : x + 4].numpy().tobytes() for y in range(3) for x in range(3)}
    assert keys(moved[::2]) == places
    turned = varied(mirror=True)
    assert keys(turned[::2]) == {images[0].numpy().tobytes(), images[0].flip(2).numpy().tobytes()}


def test_every_name_has_a_config_with_a_header() -> None:
    for name in (*NAMES, OWN):
        text = (CONF / f"{name}.yaml").read_text()
        assert text.startswith("# ")
        assert next(iter(yaml.safe_load(text))) == "name"
    assert {path.stem for path in CONF.glob("*.yaml")} == {*NAMES, OWN}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "mnist"}, "data is 'mnist', expected one of digits"),
        ({}, "data is None, expected one of digits"),
        ({"name": "digits", "dir": "x"}, "data digits has no key 'dir', its keys are val"),
        ({"name": "digits", "val": "many"}, "data digits: val is 'many', expected a number"),
        ({"name": "digits", "mean": 3}, "data digits: mean is 3, expected a list of numbers"),
        ({"name": "digits", "shift": True}, "data digits: shift is True, expected a whole number"),
        ({"name": "image_folder", "labels": 3}, "data image_folder: labels is 3, expected a word or null"),
        ({"name": "digits", "shift": -1}, "data digits: shift is -1, expected at least 0"),
        ({"name": "digits", "val": 1797}, "val is 1797, expected a number of images up to 1437"),
        ({"name": "digits", "val": 3}, "val is 3, but the 1437 images cannot be split"),
        ({"name": "digits", "mean": [1, 2]}, "data digits: mean has 2 numbers, expected 1"),
    ],
)
def test_bad_configs(data: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"digits"}))
@pytest.mark.parametrize("exists", [False, True])
def test_absent_data_is_said_in_one_line(name: str, exists: bool, tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    if exists:
        (folder / "train" / "cats").mkdir(parents=True)
    options = {} if name in ("image_folder", "imagenet", "arrays", "huggingface") else {"download": False}
    place = {"train": str(folder / "x.npz")} if name == "arrays" else {"dir": str(folder)}
    with pytest.raises(DataError, match="put ") as caught:
        load({"name": name, **place, **options})
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_download_that_fails_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    # Nothing listens there.
    monkeypatch.setattr(datasets.CIFAR10, "url", "http://127.0.0.1:9/cifar.tar.gz")
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    for name in ("cifar10", "fashion_mnist"):
        with pytest.raises(DataError, match="the download failed") as caught:
            load({"name": name, "dir": str(tmp_path), "download": True})
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\0\0\x08", b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", idx(np.zeros((2, 3)))[:-1]])
def test_broken_idx_files(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match="torn, or no IDX file"):
        read_idx(tmp_path / "x")
    (tmp_path / "x.gz").write_bytes(gzip.compress(idx(np.zeros(5)))[:-9])
    with pytest.raises(DataError, match="unreadable"):
        read_idx(tmp_path / "x.gz")


def test_debians_fashion_mnist() -> None:
    folder = Path("/usr/share/datasets/fashion-mnist")
    if not folder.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    data = load({"name": "fashion_mnist", "dir": str(folder), "download": False})
    assert data.images == {"train": 50_000, "val": 10_000, "test": 10_000}
    assert isinstance(data, MemoryDataModule)
    images, labels = every(data.evaluation("test"))
    assert labels.bincount().tolist() == [1000] * 10
    assert abs(float(images.mean())) < 0.02


def folder_module(folder: Path, **options: Any) -> DataModule:
    return load({"name": "image_folder", "dir": str(folder), "side": 32, "crop": 24, "workers": 0, **options})


def test_preparation_in_the_authors_manner(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    colour = np.zeros((40, 80, 3), np.uint8)
    colour[:] = (10, 20, 30)
    Image.fromarray(colour).save(tmp_path / "a" / "x.png")
    images, _ = every(folder_module(tmp_path, test=1.0, val=0).evaluation("test"))
    assert images.shape == (1, 3, 24, 24)
    assert images[0, :, 0, 0].tolist() == [30 - 104, 20 - 117, 10 - 123]
    rgb, _ = every(
        folder_module(tmp_path, test=1.0, val=0, order="rgb", mean=[0, 0, 0], std=[2, 2, 2]).evaluation("test")
    )
    assert rgb[0, :, 0, 0].tolist() == [5, 10, 15]


def test_warp_shows_all_and_short_side_the_middle(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    stripes = np.zeros((32, 96, 3), np.uint8)
    stripes[:, 32:64] = 255
    Image.fromarray(stripes).save(tmp_path / "a" / "x.png")
    options = {"test": 1.0, "val": 0, "mean": [0, 0, 0]}
    warped, _ = every(folder_module(tmp_path, **options).evaluation("test"))
    kept, _ = every(folder_module(tmp_path, resize="short_side", **options).evaluation("test"))
    assert bool((kept == 255).all())
    assert bool((warped == 0).any())
    assert bool((warped == 255).any())


@pytest.mark.parametrize("resize", ["warp", "short_side"])
@pytest.mark.parametrize("size", [(47, 31), (31, 47), (640, 33), (33, 33), (40, 33), (500, 375)])
def test_images_are_resized_and_cropped_as_torchvision_does(size: tuple[int, int], resize: str, tmp_path: Path) -> None:
    from torchvision.transforms import functional as F

    Image.effect_noise(size, 90).convert("RGB").save(tmp_path / "x.png")
    preparation = Preparation(resize, 33, 28, "rgb", (0.0,) * 3, (1.0,) * 3, mirror=False)
    with Image.open(tmp_path / "x.png") as opened:
        resized = F.resize(opened.convert("RGB"), [33, 33] if resize == "warp" else [33])
    theirs = F.center_crop(F.pil_to_tensor(resized), [28, 28])
    assert torch.equal(preparation.image(str(tmp_path / "x.png"), None), theirs.float())


def test_folders_are_listed_as_torchvision_lists_them(tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    for name in (
        "b/2.PNG",
        "b/10.png",
        "b/deep/1.jpeg",
        "b/deep.er/1.webp",
        "a/x.JPG",
        "a/notes.txt",
        "C/z.tiff",
        "y.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    theirs = ImageFolder(str(tmp_path))
    found = scan(tmp_path)
    assert (found.samples, found.classes) == (theirs.samples, theirs.classes)
    assert found.skipped == {".txt": 1, "outside the class folders": 1}
    assert len(theirs.samples) == 6
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no images in .*/empty; put one folder of images a class there"):
        scan(tmp_path)


def test_loader_processes_change_nothing(tmp_path: Path) -> None:
    pictures(tmp_path, 2, 10)
    epochs = []
    for workers in (0, 2):
        data = folder_module(tmp_path, workers=workers)
        data.arrange("train", 4, seed=1, first_epoch=2)
        epochs.append(every(data.train_dataloader())[0])
    assert torch.equal(*epochs)


def test_labels_from_a_csv(tmp_path: Path) -> None:
    pictures(tmp_path, 2, 5)
    table = tmp_path / "labels.csv"
    rows = [f"class{c}/{i}.png,{c}" for c in (0, 1) for i in range(5)]
    table.write_text("\n".join(["file,class_index", *rows]) + "\n")
    data = folder_module(tmp_path, labels=str(table), classes=7)
    assert (data.classes, data.images) == (7, {"train": 6, "val": 2, "test": 2})
    assert every(data.evaluation("test"))[1].tolist() == [0, 1]
    for bad, message in (("class0/9.png,1", "line 2: no file"), ("class0/0.png,one", "line 2: expected the columns")):
        table.write_text(f"file,class_index\n{bad}\n")
        with pytest.raises(DataError, match=message):
            folder_module(tmp_path, labels=str(table))
    table.write_text("file,class_index\n")
    with pytest.raises(DataError, match="no images in it"):
        folder_module(tmp_path, labels=str(table))
    with pytest.raises(DataError, match="no label file"):
        folder_module(tmp_path, labels=str(tmp_path / "none.csv"))


def test_the_reference_images(reference: Path) -> None:
    folder = reference / "imagenet_samples"
    options = {"labels": str(folder / "labels.csv"), "classes": 1000, "test": 1.0, "val": 0, "workers": 0}
    data = load({"name": "image_folder", "dir": str(folder), **options})
    data.arrange("trainval", 4)
    images, labels = next(iter(data.val_dataloader()))
    assert images.shape == (4, 3, 227, 227)
    assert data.images["test"] == len((folder / "labels.csv").read_text().splitlines()) - 1
    assert labels.dtype == torch.int64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resize": "squeeze"}, "data.resize is 'squeeze', expected one of warp, short_side"),
        ({"order": "grb"}, "data.order is 'grb', expected one of bgr, rgb"),
        ({"crop": 99}, "data.crop is 99, expected 1 to data.side, 32"),
        ({"mean": [1.0]}, "data.mean and data.std need three numbers"),
        ({"classes": 1}, "data.classes is 1, but the labels show 3"),
    ],
)
def test_bad_preparations(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    pictures(tmp_path, 3, 10)
    with pytest.raises(DataError, match=message):
        folder_module(tmp_path, **options)


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    pictures(tmp_path, 2, 10)
    (tmp_path / "class0" / "0.png").write_text("no image")
    data = folder_module(tmp_path, test=1.0, val=0)
    with pytest.raises(DataError, match=r"class0/0.png: no readable image"):
        every(data.evaluation("test"))
