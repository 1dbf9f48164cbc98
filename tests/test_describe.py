"""The layer table against Table 1 of the paper, and the command that prints it."""

import json
import re
import subprocess
import sys

import pytest

from explorer.arch import Architecture, architecture, cost
from explorer.arch import layers as L
from explorer.arch.chain import chain
from explorer.arch.families import named
from explorer.arch.families.fire import fire
from explorer.arch.layer_table import as_json, rows, table, times_smaller_than_alexnet
from explorer.plots.network import svg, text
from tests.support import warm

# The paper's Table 1 (227 px, 13x13 after maxpool8): layer, output, filter/stride, s1x1, e1x1, e3x3, params.
TABLE_1 = """
conv1     111x111x96 7x7/2  -  -   -   14208
maxpool1  55x55x96   3x3/2  -  -   -   0
fire2     55x55x128  -      16 64  64  11920
fire3     55x55x128  -      16 64  64  12432
fire4     55x55x256  -      32 128 128 45344
maxpool4  27x27x256  3x3/2  -  -   -   0
fire5     27x27x256  -      32 128 128 49440
fire6     27x27x384  -      48 192 192 104880
fire7     27x27x384  -      48 192 192 111024
fire8     27x27x512  -      64 256 256 188992
maxpool8  13x13x512  3x3/2  -  -   -   0
fire9     13x13x512  -      64 256 256 197184
conv10    13x13x1000 1x1/1  -  -   -   513000
avgpool10 1x1x1000   13x13/1 - -   -   0
"""


def describe(*arguments, folder=None):
    done = warm.command("explorer.describe", *arguments, cwd=folder)
    return done.returncode, done.stdout, done.stderr


def test_rows_are_those_of_table_1():
    printed = [line.split() for line in TABLE_1.strip().splitlines()]
    found = [
        [
            row.layer,
            row.output,
            row.filter.split()[0] if row.filter else "-",
            *(map(str, row.fire) if row.fire else "---"),
            str(row.params),
        ]
        for row in rows(architecture("squeezenet_v1_0"))
    ]
    assert found == printed


@pytest.mark.parametrize("name", named())
@pytest.mark.parametrize("shape", [(3, 227, 227), (1, 8, 8)])
def test_every_table_adds_up_and_fits_a_terminal(name, shape):
    network = architecture(name, shape)
    counted = cost(network)
    assert sum(row.params for row in rows(network)) == counted.params
    assert sum(row.macs for row in rows(network)) == counted.macs
    written = table(network, name)
    lines = written.splitlines()
    assert max(map(len, lines)) < 100
    assert not any(line != line.rstrip() for line in lines)
    for fact in (
        name,
        network.identity,
        f"{counted.params:,}",
        f"{counted.bytes:,}",
        f"{counted.macs:,}",
        *network.adapted,
    ):
        assert fact in written
    # Aligned: every count of params ends in the column in which the heading ends.
    head = next(line for line in lines if line.startswith("layer"))
    column = head.index("params") + len("params")
    total = next(line for line in lines if line.startswith("total"))
    assert total[:column].endswith(f"{counted.params:,}")
    # The shares say 100 % together.
    shares = [100 * row.params / counted.params for row in rows(network)]
    assert sum(shares) == pytest.approx(100)


def test_what_the_paper_says_about_sizes():
    written = table(architecture("squeezenet_v1_0"), "squeezenet_v1_0")
    assert "4.99 MB, 4.76 MiB" in written  # printed as 4.8 MB
    assert "48.8 times smaller than AlexNet" in written  # printed as 50x
    assert times_smaller_than_alexnet(architecture("squeezenet_v1_0")) == 60_965_224 / 1_248_424
    assert "AlexNet" not in table(architecture("alexnet_caffe"), "it").partition("\n")[2]
    assert "2.27 times AlexNet" in table(architecture("vgg16"), "vgg16")


def test_bypasses_are_shown():
    simple = {row.layer: row.filter for row in rows(architecture("squeezenet_v1_0_simple_bypass"))}
    assert {layer for layer, words in simple.items() if "identity" in words} == {"fire3", "fire5", "fire7", "fire9"}
    complex_ = {row.layer: row.filter for row in rows(architecture("squeezenet_v1_0_complex_bypass"))}
    assert complex_["bypass6"] == "1x1/1 (x384)"


def test_batch_norm_is_counted_in_its_fire_module_and_its_statistics_apart():
    network = fire((1, 8, 8), 10, batch_norm=True)
    assert [row.layer for row in rows(network) if "bn" in row.layer] == ["conv1_bn"]
    statistics = cost(network).statistics_bytes
    assert f"{statistics:,} more for batch norm's running statistics" in table(network, "normed")
    assert json.loads(as_json(network, "normed"))["statistics_bytes"] == statistics


def test_a_network_that_no_family_wrote():
    """As a stored file may hold: nameless pools, a module that is no Fire module, a network without weights."""
    layers = (L.MaxPool2d("", 2, 2), L.Sequential("block", (L.Conv2d("a", 4, 1), L.ReLU())), L.GlobalAvgPool2d())
    assert [row.layer for row in rows(Architecture((1, 8, 8), layers))] == ["MaxPool2d", "block.a", "GlobalAvgPool2d"]
    assert "total" in table(Architecture((1, 8, 8), (L.GlobalAvgPool2d(),)), "nothing")
    assert json.loads(as_json(Architecture((1, 8, 8), (L.GlobalAvgPool2d(),)), "nothing"))["params"] == 0


@pytest.mark.parametrize("name", named())
def test_json_has_every_number(name):
    network = architecture(name, (1, 8, 8), 10)
    counted, data = cost(network), json.loads(as_json(network, name))
    assert (data["name"], data["identity"]) == (name, network.identity)
    assert (data["params"], data["bytes"], data["macs"]) == (counted.params, counted.bytes, counted.macs)
    assert (data["input_shape"], data["output_shape"]) == ([1, 8, 8], [10, 1, 1])
    assert data["adapted"] == list(network.adapted)
    assert sum(layer["params"] for layer in data["layers"]) == counted.params
    assert len(data["layers"]) == len(counted.layers)


# The command ----------------------------------------------------------------------------------------------------------


def whole(network, name):
    """The table, and below it the drawing."""
    return f"{table(network, name)}\n\n{text(chain(network))}\n"


def test_command_prints_table_1_by_default():
    code, out, err = describe()
    assert (code, err) == (0, "")
    assert out == whole(architecture("squeezenet_v1_0"), "squeezenet_v1_0")


@pytest.mark.slow
def test_command_with_options():
    code, out, err = describe("squeezenet_v1_1", "input=[1,8,8]", "classes=10", "format=json")
    assert (code, err) == (0, "")
    assert out == as_json(architecture("squeezenet_v1_1", (1, 8, 8), 10), "squeezenet_v1_1") + "\n"


@pytest.mark.slow
def test_command_reads_a_stored_architecture(tmp_path):
    network = fire((1, 28, 28), 10, base_e=24)
    (tmp_path / "architecture.json").write_text(network.to_json())
    code, out, err = describe("architecture.json", folder=tmp_path)
    assert (code, err) == (0, "")
    assert out == whole(network, "architecture.json")
    assert [path.name for path in tmp_path.iterdir()] == ["architecture.json"]


@pytest.mark.slow
def test_command_writes_the_drawing(tmp_path):
    code, _, err = describe("squeezenet_v1_0", "svg=network.svg", folder=tmp_path)
    assert (code, err) == (0, "")
    drawn = svg(chain(architecture("squeezenet_v1_0")), "squeezenet_v1_0")
    assert (tmp_path / "network.svg").read_text(encoding="utf-8") == drawn
    code, _, err = describe("squeezenet_v1_0", "svg=new/network.svg", folder=tmp_path)
    assert (code, err) == (0, "")
    assert (tmp_path / "new" / "network.svg").read_text(encoding="utf-8") == drawn
    code, _, err = describe("squeezenet_v1_0", "svg=network.svg/network.svg", folder=tmp_path)
    assert code == 2
    assert err.strip().endswith("network.svg is a file, expected a folder")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["squeezenet_v1_2"], "squeezenet_v1_2"),
        (["absent.json"], "absent.json: No such file"),
        (["broken.json"], "broken.json: no architecture JSON"),
        (["altered.json"], "altered.json: identity is .* the file was altered"),
        (["binary.json"], "binary.json: no text"),
        (["folder.json"], "folder.json: Is a directory"),
        (["17"], "study"),
        (["squeezenet_v1_0", "input=[3,8]"], r"input is \[3, 8\], expected \[channels, height, width\]"),
        (["squeezenet_v1_0", "input=[3,0,8]"], r"input is \[3, 0, 8\]"),
        (["squeezenet_v1_0", "classes=0"], "classes is 0, expected a whole number"),
        (["squeezenet_v1_0", "classes=ten"], "classes is 'ten'"),
        (["squeezenet_v1_0", "format=xml"], "format is 'xml', expected table or json"),
        (["squeezenet_v1_0", "colour=red"], "colour"),
        (["altered.json", "classes=3"], "input and classes go with a published network"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(tmp_path, arguments, message):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "altered.json").write_text(architecture("vgg16").to_json().replace(":4096", ":4095", 1))
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.json").mkdir()
    before = sorted(tmp_path.iterdir())
    code, out, err = describe(*arguments, folder=tmp_path)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert re.search(message, err), err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_a_closed_pipe_is_no_error():
    """`python -m explorer.describe | head -1`, as people do; `true` has closed its end before the table comes."""
    command = f"{sys.executable} -m explorer.describe vgg16 | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
