"""Pictures are decoded once, and what is kept is never trusted wrongly."""

from __future__ import annotations

import errno
import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from explorer.data import DataError, cache, load
from explorer.data.cache import Cache, Pixels
from explorer.data.files import FilesDataModule
from explorer.data.picture import Frame

CONF = Path(__file__).parents[2] / "conf"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for kind in ("cat", "dog"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for i in range(12):
            Image.effect_noise((40 + 7 * i, 60), 80).convert("RGB").save(tmp_path / "photos" / kind / f"{i}.jpg")
    return tmp_path / "photos"


def module(photos: Path, **options: Any) -> FilesDataModule:
    common = {"name": "image_folder", "dir": str(photos), "side": 32, "crop": 28, "workers": 0}
    made = load({**common, "cache": str(photos.parent / "pictures"), **options})
    assert isinstance(made, FilesDataModule)
    return made


def batches(data: FilesDataModule, **arranged: Any) -> list[torch.Tensor]:
    data.arrange("train", batch_size=5, seed=3, **arranged)
    found = []
    for epoch in range(2):
        loader: Any = data.train_dataloader()
        getattr(loader, "sampler" if data.cache else "batch_sampler")
        sampler = loader.sampler if data.cache else loader.batch_sampler.sampler
        sampler.set_epoch(epoch)
        found += [tensor for batch in loader for tensor in batch]
    return found + [tensor for batch in data.val_dataloader() for tensor in batch]


@pytest.mark.parametrize("resize", ["warp", "short_side"])
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("varied", [{}, {"zoom": 0.3, "jitter": 0.4}])
def test_batches_are_the_same_bits_with_the_cache_and_without(
    photos: Path, resize: str, rank: int, varied: dict[str, Any]
) -> None:
    kept, decoded = (
        batches(module(photos, resize=resize, **varied, **more), rank=rank, ranks=2) for more in ({}, {"cache": None})
    )
    plain = batches(module(photos, resize=resize), rank=rank, ranks=2)
    same = [torch.equal(one, other) for one, other in zip(kept, plain, strict=True)]
    assert all(same) is not bool(varied)
    assert all(same[-2:])  # what is evaluated is never varied
    assert len(kept) == len(decoded) > 8
    assert all(torch.equal(one, other) for one, other in zip(kept, decoded, strict=True))


@pytest.mark.parametrize("kept", [True, False])
def test_animated_pictures_are_counted(photos: Path, kept: bool) -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]
    frames[0].save(photos / "cat" / "turns.gif", save_all=True, append_images=frames[1:])
    data = module(photos, **({} if kept else {"cache": None}))
    data.check_images()
    assert data.summary() == (
        "25 pictures, 2 classes (smallest 12, largest 13), train / val / test 15 / 5 / 5; 1 animated (first frame)"
    )


class Counting:
    """Decodes files to pixels of their first byte, and counts."""

    def __init__(self) -> None:
        self.decoded: list[str] = []

    def __call__(self, file: str) -> Frame:
        self.decoded.append(Path(file).name)
        first = Path(file).read_bytes()[:1]
        if not first:
            raise DataError(f"{file}: no readable image")
        return Frame(np.full((3, 4, 5), first[0], np.uint8))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    root = tmp_path / "files"
    root.mkdir()
    for i in range(8):
        (root / str(i)).write_bytes(bytes([i + 1]))
    return [str(root / str(i)) for i in range(8)]


def opened(files: list[str]) -> tuple[Cache, Counting]:
    root, decode = Path(files[0]).parent, Counting()
    return Cache(root.parent / "kept", root, decode, {"side": 4}), decode


def firsts(found: Any) -> list[int]:
    return [int(found[i].flat[0]) for i in range(len(found))]


def test_what_is_there_is_not_decoded_again(files: list[str]) -> None:
    made, decode = opened(files)
    done: list[int] = []
    assert firsts(made.pictures(files, done.append)) == list(range(1, 9))
    assert (sorted(decode.decoded), sum(done)) == (sorted(Path(file).name for file in files), 8)
    again, decode = opened(files)
    assert firsts(again.pictures(files[::-1])) == list(range(8, 0, -1))
    assert decode.decoded == []


def test_a_changed_added_or_removed_file_makes_its_part_anew(files: list[str]) -> None:
    opened(files)[0].pictures(files)
    Path(files[2]).write_bytes(b"\x63")
    os.utime(files[5], ns=(1, 1))  # touched
    Path(files[7]).unlink()
    new = [*files[:7], str(Path(files[0]).with_name("new"))]
    Path(new[-1]).write_bytes(b"\x64")
    changed, decode = opened(files)
    assert firsts(changed.pictures(new)) == [1, 2, 0x63, 4, 5, 6, 7, 0x64]
    assert sorted(decode.decoded) == ["2", "5", "new"]
    assert '"7"' not in (changed.folder / "index.json").read_text()


@pytest.mark.parametrize("torn", ["bytes", "index", "nonsense", "short"])
def test_what_a_crash_leaves_is_not_trusted(files: list[str], torn: str) -> None:
    made, _ = opened(files)
    made.pictures(files)
    index, kept = made.folder / "index.json", next(made.folder.glob("*.bytes"))
    if torn == "bytes":
        kept.write_bytes(kept.read_bytes()[: 60 * 3])
    elif torn == "short":
        index.write_bytes(index.read_bytes()[:-40])
    else:
        index.write_text('{"pictures": {"0": [1]}}' if torn == "nonsense" else "[]")
    (made.folder / "000009.bytes").write_bytes(b"of a process that was killed")
    again, decode = opened(files)
    assert firsts(again.pictures(files)) == list(range(1, 9))
    assert len(decode.decoded) == (8 if torn != "bytes" else 8 - sum(1 for _ in range(3)))
    assert len(list(made.folder.glob("*.bytes"))) == len({entry.bytes for entry in again.pictures(files).entries}), (
        "bytes that nothing names"
    )


def test_a_full_disk_leaves_nothing(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = opened(files)

    def full(file: io.BufferedWriter) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(cache, "_to_disk", full)
        with pytest.raises(DataError, match=r"data\.cache .*/kept: the disk is full; free some space, or set data"):
            made.pictures(files)
    assert not list(made.folder.glob("*.bytes"))
    assert not (made.folder / "index.json").exists()
    again, decode = opened(files)
    assert firsts(again.pictures(files)) == list(range(1, 9))
    assert len(decode.decoded) == 8


def test_what_was_done_before_an_end_is_kept(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made, decode = opened(files)
    monkeypatch.setattr(cache, "KEEP", 0.0)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)

    def until(file: str) -> Frame:
        if len(decode.decoded) == 5:
            time.sleep(0.3)  # what was done is kept meanwhile
            raise KeyboardInterrupt
        return decode(file)

    made._decode = until
    with pytest.raises(KeyboardInterrupt):
        made.pictures(files)
    again, decode = opened(files)
    assert firsts(again.pictures(files)) == list(range(1, 9))
    assert 3 <= len(decode.decoded) <= 4


def test_many_processes_make_one_cache(files: list[str]) -> None:
    makers = [opened(files) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda maker: firsts(maker[0].pictures(files)), makers))
    assert found == [list(range(1, 9))] * 4
    assert sum(len(decode.decoded) for _, decode in makers) == 8, "each file once, by whoever came first"


def test_unreadable_files_are_named_and_tried_again(files: list[str]) -> None:
    for file in files[:3]:
        Path(file).write_bytes(b"")
    with pytest.raises(DataError, match=r"^3 of 8 images cannot be read: .*/0: no .*/2: no .* data\.unreadable=skip"):
        opened(files)[0].pictures(files)
    _, unreadable = opened(files)[0].readable(files)
    assert [*unreadable] == files[:3]
    stat = os.stat(files[0])
    Path(files[0]).write_bytes(b"\x09")
    os.utime(files[0], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    found, unreadable = opened(files)[0].readable(files)
    assert ([*unreadable], firsts(found)) == (files[1:3], [9, 4, 5, 6, 7, 8])


def test_a_cache_that_cannot_be_written_is_one_line(files: list[str]) -> None:
    made, _ = opened(files)
    made.folder.parent.write_text("a file")
    with pytest.raises(DataError, match=r"data\.cache .*/kept: (Not a directory|File exists), expected a folder"):
        made.pictures(files)


def test_pictures_are_read_from_the_disk(files: list[str]) -> None:
    found = opened(files)[0].pictures(files)
    picture: Pixels = found[3]
    assert (picture.shape, picture.flags.writeable) == ((3, 4, 5), False)
    assert all(isinstance(each.base, np.memmap) for each in found.mapped.values())


def test_another_preparation_has_a_cache_of_its_own(photos: Path) -> None:
    for more in ({"side": 30}, {"resize": "short_side"}, {"draft": True}, {"mean": [1, 2, 3]}, {"crop": 20}, {}):
        module(photos, **more).check_images()
    assert len(list((photos.parent / "pictures").iterdir())) == 4, "of what changes the resized picture"


def test_unreadable_pictures_may_be_left_out(photos: Path) -> None:
    (photos / "cat" / "torn.jpg").write_bytes(b"no picture")
    for options in ({}, {"cache": None}):
        with pytest.raises(DataError, match=r"torn\.jpg: no readable image .* data\.unreadable=skip"):
            module(photos, **options).check_images()
        skipping = module(photos, unreadable="skip", **options)
        skipping.check_images()
        assert sum(skipping.images.values()) == 24
        assert skipping.skipped["unreadable"] == 1
    with pytest.raises(DataError, match=r"data\.unreadable is 'yes', expected one of stop, skip"):
        module(photos, unreadable="yes")


def test_a_large_jpeg_is_drafted_like_the_whole(tmp_path: Path) -> None:
    from explorer.data.picture import read

    Image.linear_gradient("L").resize((2000, 1500)).convert("RGB").save(tmp_path / "x.jpg")
    whole, drafted = (read(str(tmp_path / "x.jpg"), lambda w, h: (64, 64), draft).pixels for draft in (False, True))
    assert not np.array_equal(whole, drafted), "nothing was drafted"
    assert np.abs(whole.astype(int) - drafted).max() <= 3


@pytest.mark.slow
def test_a_training_is_the_same_bits_with_the_cache_and_without(photos: Path, tmp_path: Path) -> None:
    from explorer.arch.families.fire import fire
    from explorer.training.job import Job, run, weights

    network = fire((3, 28, 28), 2, modules=2, base_e=8, incr_e=0, stem=8)
    recipe: dict[str, Any] = yaml.safe_load((CONF / "recipe" / "fast.yaml").read_text())
    found = []
    for name, where in (("kept", str(tmp_path / "pictures")), ("decoded", None)):
        data = {"name": "image_folder", "dir": str(photos), "side": 32, "crop": 28, "workers": 0, "cache": where}
        folder = str(tmp_path / name)
        curve = run(Job(network.to_json(), recipe | {"batch_size": 5}, data, 0, 0, 2, 2, folder)).curve
        measured = [{key: value for key, value in each.items() if key != "seconds"} for each in curve]
        found.append((measured, weights(folder)))
    (kept, kept_weights), (decoded, decoded_weights) = found
    assert kept == decoded
    assert all(torch.equal(kept_weights[name], value) for name, value in decoded_weights.items())
