"""What a network is for TFLite Micro: its operators, held against its layers; a board and what fits it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from explorer.arch import Architecture, architecture, cost
from explorer.arch import layers as L
from explorer.arch.tflite import OperatorError, arena, file_size, flash, program, ram
from explorer.arch.tflite import operators as ops
from explorer.arch.tflite.arena import BOARD, HOST, head
from explorer.arch.tflite.board import BoardError, listing, read
from explorer.arch.tflite.operators import program as operators_of

CONF = Path(__file__).parents[2] / "conf" / "board"
BOARDS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(CONF.glob("*.yaml")) if path.stem != "list"}
NOTHING = L.Sequential("", ())


def kinds(*layers: L.Layer, shape: tuple[int, int, int] = (4, 8, 8)) -> list[tuple[str, str, str]]:
    found = program(Architecture(shape, layers)).operators
    return [(each.kind, each.padding, each.activation) for each in found]


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "padding", "expected"),
    [
        (8, 3, 1, 1, [ops.SAME]),
        (8, 3, 1, 0, [ops.VALID]),
        (9, 3, 2, 1, [ops.SAME]),  # a border of one pixel on both sides, as torch pads
        (8, 3, 2, 1, [ops.PAD, ops.VALID]),  # SAME would pad the end alone
        (9, 1, 2, 0, [ops.VALID]),
        (9, 5, 1, 2, [ops.SAME]),
        (9, 3, 1, 0, [ops.VALID]),
    ],
)
def test_convolutions_are_padded_as_torch_pads(
    side: int, kernel: int, stride: int, padding: int, expected: list[str]
) -> None:
    found = kinds(L.Conv2d("a", 4, kernel, stride, padding), shape=(4, side, side))
    assert [each[1] if each[0] == ops.CONV else each[0] for each in found] == expected


@pytest.mark.parametrize(("side", "expected"), [(8, ops.SAME), (9, ops.VALID)])
def test_pools_that_are_rounded_up_need_no_operator_before(side: int, expected: str) -> None:
    assert kinds(L.MaxPool2d("", 3, 2, ceil_mode=True), shape=(4, side, side)) == [(ops.MAX_POOL, expected, "NONE")]


def test_activations_are_fused_past_a_concatenation_but_never_into_what_others_read() -> None:
    conv = L.Conv2d("a", 4, 1)
    both = L.Concat("", (L.Conv2d("b", 4, 1), L.Conv2d("c", 4, 1)))
    assert [each[2] for each in kinds(conv, both, L.ReLU())] == ["NONE", "RELU", "RELU", "NONE"]
    kept = L.Add("", (NOTHING, L.Sequential("", (L.ReLU(), L.Conv2d("b", 4, 1)))))  # as before activation in a ResNet
    assert kinds(conv, kept)[:2] == [(ops.CONV, ops.VALID, "NONE"), (ops.RELU, ops.VALID, "NONE")]
    norm = L.Add("", (NOTHING, L.Sequential("", (L.BatchNorm2d("n"), L.Conv2d("b", 4, 1)))))
    assert kinds(conv, norm)[:2] == [(ops.CONV, ops.VALID, "NONE"), (ops.DEPTHWISE, ops.VALID, "NONE")]


def test_a_linear_layer_is_a_convolution_over_the_map() -> None:
    whole = program(Architecture((4, 3, 5), (L.Flatten(), L.Linear("fc", 7))))
    assert [(each.kind, each.weights) for each in whole.operators] == [(ops.CONV, (7, 3, 5, 4))]


@pytest.mark.parametrize(
    ("layers", "line"),
    [
        (
            (L.Conv2d("a", 4, 1), L.LocalResponseNorm("lrn", 5, 1e-4, 0.75, 1.0)),
            "lrn: TFLite Micro has no operator for",
        ),
        ((L.AdaptiveAvgPool2d("pool", 3),), "pool: the mean of 8x8 in 3x3 windows is uneven"),
    ],
)
def test_layers_without_an_operator_are_named(layers: tuple[L.Layer, ...], line: str) -> None:
    with pytest.raises(OperatorError, match=line):
        program(Architecture((4, 8, 8), layers))


@pytest.mark.parametrize(
    "name", ["squeezenet_v1_0", "squeezenet_v1_1", "mobilenet_v2", "shufflenet_v2_x1_0", "resnet18"]
)
def test_published_networks_have_operators_and_weights_are_all_there(name: str) -> None:
    network = architecture(name, (3, 64, 64), 10)
    operators = program(network).operators
    weights = sum(layer.params for layer in cost(network).layers if layer.type in ("Conv2d", "Linear"))
    taken = sum(size for key, size in program(network).constants().items() if key[0] == "weights")
    biases = sum(each.filters for each in operators)
    assert taken <= weights <= taken + biases  # a folded batch norm gives every filter a bias
    assert taken + 8 * biases < flash(network) < taken + 12 * biases + 24_000


def test_a_32_bit_board_needs_less_than_this_host() -> None:
    whole = program(architecture("squeezenet_v1_1", (3, 32, 32), 10))
    board, host = arena(whole, BOARD), arena(whole, HOST)
    assert board.head == host.head
    assert 0.6 * host.tail < board.tail < host.tail
    assert ram(architecture("squeezenet_v1_1", (3, 32, 32), 10)) == host.total
    assert file_size(whole) % 16 == 0


@pytest.mark.parametrize("name", BOARDS)
def test_our_boards_say_where_each_number_comes_from(name: str) -> None:
    board = read(BOARDS[name])
    assert board.name == name
    assert set(BOARDS[name]["sources"]) == {"flash", "ram", "kept"}
    assert min(board.limits.values()) > 100_000


def test_a_board_says_what_a_network_lacks() -> None:
    board = read(BOARDS["nano33ble"])
    assert board.lacks(architecture("squeezenet_v1_1", (3, 32, 32), 10)) == {}
    large = architecture("resnet18", (3, 32, 32), 10)
    assert board.lacks(large)["flash"] == flash(large) - board.limits["flash"]
    lines = listing({"nano33ble": board}).splitlines()
    assert "983,040" in lines[1]
    assert "nRF52840" in lines[1]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"flash": None}, "board x: flash is None, expected bytes"),
        ({"ram": "264 kB"}, "board x: ram is '264 kB', expected bytes"),
        ({"kept_ram": 200}, "board x: kept_ram leaves nothing of the 100 bytes of ram"),
        ({"name": None}, "board.name is None"),
        ({"colour": "red"}, "board x has no key 'colour', its keys are"),
        ({"npu": 3}, "board x: words and npu are text"),
    ],
)
def test_boards_that_are_refused(change: dict[str, object], line: str) -> None:
    with pytest.raises(BoardError, match=line):
        read({"name": "x", "flash": 100, "ram": 100, "kept_flash": 0, "kept_ram": 0} | change)


def test_tensors_are_numbered_so_that_the_planner_needs_less() -> None:
    """Of equally large tensors TFLite Micro places the last first, which may leave a gap that is too small."""
    tall = L.Conv2d("a", 16, 1), L.Conv2d("b", 16, 1), L.Conv2d("c", 8, 1), L.Conv2d("d", 16, 1)
    network = Architecture((3, 32, 32), (*tall, L.Conv2d("e", 16, 3, 2, 1)))
    as_lowered = operators_of(network)
    assert head(as_lowered) == 42_000
    assert head(program(network)) == 33_808
    assert {each.layer for each in program(network).operators} == {each.layer for each in as_lowered.operators}
