"""Weights from files: the authors' own, torchvision's, and those of another network."""

import io
import re
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from explorer.arch import architecture
from explorer.arch.families.fire import fire
from explorer.training import weights
from explorer.training.network import build
from explorer.training.weights import WeightsError, assign, load, read


def tiny(**options):
    return build(fire((1, 8, 8), 4, **{"modules": 2, "base_e": 4, "final_relu": False} | options))


def caffe_names(network):
    """A network's weights as Caffe would name them."""
    rename = {"squeeze": "squeeze1x1"}
    named = {}
    for name, tensor in network.state_dict().items():
        *module, layer, kind = name.split(".")
        named["/".join([*module, rename.get(layer, layer)]) + f".{kind}"] = tensor
    return named


@pytest.fixture
def file(tmp_path):
    """Writes tensors to a new file of the given kind."""

    def write(tensors, suffix):
        path = tmp_path / f"weights{suffix}"
        if suffix == ".npz":
            np.savez(path, **{name: tensor.numpy() for name, tensor in tensors.items()})
        else:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
        return path

    return write


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("names", ["ours", "caffe"])
@pytest.mark.parametrize("options", [{}, {"bypass": "complex"}, {"batch_norm": True}])
def test_there_and_back(file, suffix, names, options):
    source, target = tiny(**options).eval(), tiny(**options).eval()
    images = torch.randn(3, 1, 8, 8)
    assert not torch.equal(source(images), target(images))
    load(target, file(source.state_dict() if names == "ours" else caffe_names(source), suffix))
    assert torch.equal(source(images), target(images))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("squeezenet_v1_0", models.squeezenet1_0),
        ("squeezenet_v1_1", models.squeezenet1_1),
        ("alexnet_torchvision", models.alexnet),
        ("mobilenet_v2", models.mobilenet_v2),
        ("resnet18", models.resnet18),
        ("shufflenet_v2_x0_5", models.shufflenet_v2_x0_5),
        ("regnet_x_400mf", models.regnet_x_400mf),
    ],
)
def test_torchvision_files_give_torchvisions_logits(file, name, theirs):
    torch.manual_seed(0)
    source, target = theirs(weights=None).eval(), build(architecture(name, (3, 224, 224))).eval()
    load(target, file(source.state_dict(), ".safetensors"))
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(target(images), source(images), rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "theirs"), [("vgg16", models.vgg16)])
def test_torchvision_vgg(name, theirs):
    torch.manual_seed(0)
    source, target = theirs(weights=None).eval(), build(architecture(name, (3, 224, 224))).eval()
    assign(target, source.state_dict())
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(target(images), source(images), rtol=0, atol=0)


def test_the_authors_weights(reference):
    network = build(architecture("squeezenet_v1_0", options={"conv10_padding": 1}))
    load(network, reference / "squeezenet_v1_0.npz")
    with np.load(reference / "squeezenet_v1_0.npz") as arrays:
        assert len(arrays.files) == len(network.state_dict()) == 52
        for theirs, ours in [
            ("conv1.weight", "conv1.weight"),
            ("fire2/squeeze1x1.weight", "fire2.squeeze.weight"),
            ("fire9/expand3x3.bias", "fire9.expand3x3.bias"),
            ("conv10.weight", "conv10.weight"),
        ]:
            np.testing.assert_array_equal(network.state_dict()[ours].numpy(), arrays[theirs])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t | {"conv1.weight": torch.zeros(64, 3, 3, 3)},
            r"conv1.weight is \(64, 3, 3, 3\), the network's conv1",
        ),
        (lambda t: {k: v for k, v in t.items() if k != "fire3/squeeze1x1.bias"}, "fire3/squeeze1x1 lacks its bias"),
        (lambda t: {k: v for k, v in t.items() if "fire3/squeeze" not in k}, r"no layer fire3\.squeeze"),
        (lambda t: t | {"fc8.weight": torch.zeros(1)}, "layer fc8 has no place in the network"),
        (lambda t: t | {"conv1.scale": torch.zeros(1)}, "conv1 has a scale, the network's conv1 has none"),
        (lambda t: t | {"conv10.bias": t["conv10.bias"] * torch.nan}, "conv10.bias holds values that are not finite"),
        (lambda t: t | {"conv10.bias": torch.zeros(4, dtype=torch.int64)}, "conv10.bias is of type torch.int64"),
        (
            lambda t: {f"features.{i}.weight": v for i, v in enumerate(t.values())},
            "16 layers with weights, the network has 8",
        ),
        (lambda t: {}, "0 layers with weights, the network has 8"),
    ],
)
def test_weights_of_another_network_name_the_first_layer_that_differs(file, change, message):
    network = tiny()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    path = file(change(caffe_names(tiny())), ".safetensors")
    with pytest.raises(WeightsError, match=f"^{re.escape(str(path))}: .*{message}") as caught:
        load(network, path)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_v1_1_into_v1_0_names_its_stem(file):
    source = models.squeezenet1_1(weights=None)
    with pytest.raises(
        WeightsError, match=r"features\.0\.weight is \(64, 3, 3, 3\), the network's conv1\.weight \(96, 3, 7, 7\)"
    ):
        assign(build(architecture("squeezenet_v1_0")), source.state_dict())


def test_half_precision_is_widened(file):
    source, target = tiny(), tiny()
    load(target, file({name: tensor.half() for name, tensor in source.state_dict().items()}, ".npz"))
    assert {tensor.dtype for tensor in target.state_dict().values()} == {torch.float32}
    torch.testing.assert_close(target.conv1.weight, source.conv1.weight, rtol=1e-3, atol=1e-4)


def test_files_that_are_none(tmp_path):
    class Bomb:
        def __reduce__(self):
            return open, (str(tmp_path / "exploded"), "w")

    np.savez(tmp_path / "pickle.npz", **{"conv1.weight": np.array([Bomb()], dtype=object)})
    (tmp_path / "text.npz").write_text("no zip")
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "zip.npz").write_bytes(b"PK\x03\x04 torn")
    (tmp_path / "text.safetensors").write_text("no safetensors")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    (tmp_path / "weights.pth").write_bytes(b"")
    (tmp_path / "folder.npz").mkdir()
    for name, message in {
        "absent.npz": "no such file",
        "absent.safetensors": "no such file",
        "pickle.npz": "no .npz file of arrays",
        "text.npz": "no .npz file of arrays",
        "empty.npz": "no .npz file of arrays",
        "zip.npz": "no .npz file of arrays",
        "text.safetensors": "no .safetensors file of arrays",
        "empty.safetensors": "no .safetensors file of arrays",
        "weights.pth": r"the name ends in '\.pth', expected \.npz or \.safetensors",
        "folder.npz": "no such file",
    }.items():
        with pytest.raises(WeightsError, match=message) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "exploded").exists()


def test_dataparallels_names_are_ours(file):
    source, target = tiny().eval(), tiny().eval()
    load(target, file({f"module.{name}": tensor for name, tensor in source.state_dict().items()}, ".safetensors"))
    images = torch.randn(3, 1, 8, 8)
    assert torch.equal(source(images), target(images))


def test_values_that_float32_cannot_hold_are_refused(file):
    tensors = {name: tensor.double() for name, tensor in tiny().state_dict().items()}
    tensors["conv1.weight"][0, 0, 0, 0] = 1e300
    with pytest.raises(WeightsError, match=r"conv1\.weight holds values too large for torch\.float32"):
        load(tiny(), file(tensors, ".npz"))


def npy(shape, values):
    """An .npy file whose header claims a shape."""
    held = io.BytesIO()
    np.lib.format.write_array_header_1_0(held, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return held.getvalue() + np.zeros(values, "<f4").tobytes()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("a.npy", npy((2, 3), 5))], r"a\.npy claims 24 bytes of values and holds 20"),
        ([("a.npy", npy((10**9, 10**9), 5))], r"a\.npy claims 4,000,000,000,000,000,000 bytes of values and holds 20"),
        ([("a.npy", npy((2,), 2)), ("a.npy", npy((2,), 2))], r"a\.npy is in it twice"),
        ([("a.npy", b"no array")], r"no \.npz file of arrays: "),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_an_npz_claims_is_checked_first(members, message, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    with pytest.raises(WeightsError, match=message):
        read(tmp_path / "x.npz")


def test_an_npz_compressed_in_another_way_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", npy((2,), 2))
    with pytest.raises(WeightsError, match=r"a\.npy is encrypted, or compressed in a way that numpy does not write"):
        read(tmp_path / "x.npz")


def test_an_npz_of_more_than_any_network_is_refused(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(1000, np.float32))
    monkeypatch.setattr(weights, "MOST_BYTES", 1000)
    with pytest.raises(WeightsError, match=r"its arrays come to more than 1,000 bytes"):
        read(tmp_path / "x.npz")
