"""A network drawn: the chain read from its tree, the SVG, and the lines for a terminal."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from explorer.arch import Architecture, architecture, cost
from explorer.arch import layers as L
from explorer.arch.chain import Arc, chain
from explorer.arch.families import families, named
from explorer.plots.network import BODY, WIDTH, svg, text

NS = "{http://www.w3.org/2000/svg}"


def element(drawing: str) -> Any:
    return ET.fromstring(drawing)


@pytest.mark.parametrize("name", sorted(named()))
@pytest.mark.parametrize("shape", [(3, 227, 227), (1, 8, 8)])
def test_every_network_is_drawn_whole(name: str, shape: L.Shape) -> None:
    network = architecture(name, shape)
    counted, drawn = cost(network), chain(network)
    assert sum(unit.params for unit in drawn.units) == counted.params
    assert sum(unit.macs for unit in drawn.units) == counted.macs
    assert drawn.units[-1].shape[0] == counted.output_shape[0]
    assert len({unit.name for unit in drawn.units}) == len(drawn.units)
    root = element(svg(drawn, name))
    height = float(root.get("height"))
    for box in root.iter(f"{NS}rect"):
        x, y, width, tall = (float(box.get(key)) for key in ("x", "y", "width", "height"))
        assert 0 <= x <= x + width <= WIDTH
        assert 0 <= y <= y + tall <= height
    words = text(drawn).splitlines()
    assert max(map(len, words)) <= 100
    assert len(words) == len(drawn.units) + 3


@pytest.mark.parametrize("family", sorted(families()))
def test_no_family_ends_up_in_one_box(family: str) -> None:
    drawn = chain(families()[family]((3, 64, 64), 10))
    assert len(drawn.units) > 4
    assert max(len(unit.stages) for unit in drawn.units) <= 8


def test_squeezenet_is_fire_modules() -> None:
    drawn = chain(architecture("squeezenet_v1_0_complex_bypass"))
    assert [unit.name for unit in drawn.units][:4] == ["conv1", "maxpool1", "fire2", "fire3"]
    fire2 = drawn.units[2]
    assert fire2.shape == (128, 55, 55)
    assert [[(piece.kind, piece.channels) for piece in stage] for stage in fire2.stages] == [
        [("1x1", 16)],
        [("1x1", 64), ("3x3", 64)],
    ]
    assert fire2.params == 11_920 + 96 * 128 + 128  # the module's, and those of the layer around it
    around = {drawn.units[arc.first].name: arc.label for arc in drawn.arcs}
    assert around == {f"fire{i}": "" if i % 2 else "1x1" for i in range(2, 10)}


def test_arcs_run_around_blocks_and_groups() -> None:
    drawn = chain(architecture("resnet18"))
    assert [arc.label for arc in drawn.arcs] == ["", "", "1x1/2", "", "1x1/2", "", "1x1/2", ""]
    assert not chain(architecture("vgg16")).arcs

    def block(name: str) -> L.Layer:
        inner = L.Add("", (L.Conv2d("conv", 4, 3, padding=1), L.Sequential("", ())))
        return L.Sequential(name, (inner, L.ReLU()))

    group = L.Sequential("group", (block("a"), block("b")))
    layers = (L.Add("", (group, L.Conv2d("around", 4, 1))), L.GlobalAvgPool2d())
    drawn = chain(Architecture((4, 8, 8), layers))
    assert [unit.name for unit in drawn.units] == ["group.a", "group.b", "GlobalAvgPool2d"]
    assert drawn.arcs == (Arc(0, 0, ""), Arc(1, 1, ""), Arc(0, 1, "1x1"))
    assert sum(unit.params for unit in drawn.units) == drawn.params


def test_boxes_are_as_wide_as_their_channels() -> None:
    drawn = chain(architecture("squeezenet_v1_0"))
    root = element(svg(drawn, "it"))

    def width(of: str) -> float:
        found = [group for group in root.iter(f"{NS}g") if (group.findtext(f"{NS}title") or "").startswith(of)]
        return float(found[0].find(f"{NS}rect").get("width")) + 1

    assert width("conv10: 1x1, 1,000 channels") == pytest.approx(BODY, abs=0.1)
    assert width("fire9: 3x3, 256 channels") == pytest.approx(0.256 * BODY, abs=0.1)
    twice = element(svg(drawn, "it", widest=2_000))
    boxes = [group for group in twice.iter(f"{NS}g") if (group.findtext(f"{NS}title") or "").startswith("conv10: 1x1")]
    assert float(boxes[0].find(f"{NS}rect").get("width")) + 1 == pytest.approx(BODY / 2, abs=0.1)


def test_maps_and_shares_are_said() -> None:
    drawn = chain(architecture("squeezenet_v1_0"))
    root = element(svg(drawn, "<it> & that"))
    assert root.findtext(f"{NS}title").startswith("<it> & that: 1,248,424 params")
    words = [node.text for node in root.iter(f"{NS}text")]
    assert {"55x55x128", "13x13x512", "41.1 %"} <= set(words)
    shares = [float(word[:-2]) for word in words if re.fullmatch(r"[\d.]+ %", word or "")]
    assert sum(shares) == pytest.approx(100, abs=0.5)
    lines = text(drawn).splitlines()
    assert lines[-3].startswith("avgpool10")
    assert any(re.search(r"^conv10 .* 41\.1 %  1000$", line) for line in lines)


def test_units_follow_each_other_without_overlap() -> None:
    root = element(svg(chain(architecture("resnet50")), "it"))
    tops = [float(node.get("y")) for node in root.iter(f"{NS}text") if node.get("font-weight") == "600"][1:]
    assert all(below - above >= 26 for above, below in pairwise(tops))
