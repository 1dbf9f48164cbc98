"""The Pareto figure: what it says, and that it is drawn from that."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from explorer.plots import front
from explorer.plots.labels import label_places, published_name, shorthand, si
from explorer.results.pareto import front_trials
from explorer.results.record import StudyRecord
from tests.support.sample import VAL_IMAGES, finished_study, study, trial


def traces(record: StudyRecord) -> dict[str, Any]:
    figure = front.figure(front.info(record))
    return {trace.name: trace for trace in figure.data if trace.name and trace.visible is not False}


def test_info_has_every_network_with_an_accuracy() -> None:
    record = finished_study(20)
    info = front.info(record)
    shown = [one for one in record.trials if one.accuracy is not None]
    assert [(marker.trial, marker.x, marker.accuracy) for marker in info.markers] == [
        (one.number, one.params, one.accuracy) for one in shown
    ]
    assert [marker.trial for marker in info.front] == [one.number for one in front_trials(record)]
    assert [marker.trial for marker in info.markers if marker.stopped] == [12]
    assert (info.failed, info.images, info.study) == (1, VAL_IMAGES, "fire_micro-digits")


def test_bars_are_the_standard_errors() -> None:
    one, three = trial(2, accuracy=0.9), trial(3, accuracy=0.9, seeds=(0, 1, 2))
    markers = front.info(study([one, three])).markers
    assert markers[0].error == pytest.approx(math.sqrt(0.9 * 0.1 / VAL_IMAGES), rel=0.03)
    assert markers[1].error == pytest.approx(0.01 / math.sqrt(3))
    drawn = traces(study([one]))["Pareto front"].error_y
    assert drawn.array == drawn.arrayminus == (markers[0].error,)


def test_bars_stay_within_what_an_accuracy_can_be() -> None:
    drawn = traces(study([trial(2, accuracy=1.0)]))["Pareto front"].error_y
    assert drawn.array == (0,)
    assert drawn.arrayminus[0] > 0


def test_98_1_and_98_6_percent_of_360_images_overlap() -> None:
    low, high = front.info(study([trial(2, accuracy=353 / 360), trial(3, accuracy=355 / 360)])).markers
    assert low.accuracy + low.error > high.accuracy - high.error


def test_the_front_is_a_step_line_to_the_largest_network() -> None:
    record = finished_study(20)
    info = front.info(record)
    (line,) = (trace for trace in front.figure(info).data if trace.mode == "lines")
    assert line.line.shape == "hv"
    assert list(line.x) == [marker.x for marker in info.front] + [max(marker.x for marker in info.markers)]
    assert list(line.y) == [marker.accuracy for marker in info.front] + [info.front[-1].accuracy]


def test_published_networks_are_marked_and_named() -> None:
    record = finished_study(20)
    drawn = traces(record)
    assert drawn["SqueezeNet"].marker.symbol == "star"
    assert drawn["published networks"].marker.symbol == "diamond-open"
    notes = front.figure(front.info(record)).layout.annotations
    named = {note.text: note for note in notes if note.text.startswith("<b>")}
    assert sorted(named) == ["<b>SqueezeNet v1.0</b>", "<b>SqueezeNet v1.1</b>"]
    star = named["<b>SqueezeNet v1.0</b>"]
    assert (10**star.x, star.y) == pytest.approx((727_306, 0.981))


def test_the_pointer_shows_everything() -> None:
    one = trial(7, accuracy=0.95)
    (marker,) = front.info(study([one])).markers
    for expected in (
        "trial 7",
        "on the front",
        "95.00%",
        f"{one.params:,}",
        f"{one.macs:,}",
        "epochs 20",
        "360 images",
    ):
        assert expected in marker.text
    for name, value in one.metaparameters.items():
        assert f"{name} {value}" in marker.text
    stopped = trial(8, state="PRUNED", epochs=5, reason="behind at <5>")
    assert "epochs 5 (behind at &lt;5&gt;)" in front.info(study([stopped])).markers[0].text


def test_a_far_failure_is_an_arrow_on_the_axis() -> None:
    good = [trial(n, accuracy=0.95 + n / 1000) for n in range(2, 12)]
    record = study([*good, trial(12, accuracy=0.1)])
    info = front.info(record)
    assert info.floor > 0.9
    assert [marker.trial for marker in info.below] == [12]
    arrow = traces(record)["below the axis"]
    assert (arrow.y, arrow.text) == ((info.floor,), ("10%",))
    assert "trial 12" in arrow.customdata[0]


def test_words_below_the_axis_do_not_overprint() -> None:
    """Two networks of nearly one size, at 10 % and 42 %, have one text."""
    good = [replace(trial(number, accuracy=0.97), params=10_000 * number) for number in range(2, 40)]
    failed = [(40, 20_000, 0.42), (41, 20_400, 0.10), (42, 390_000, 0.2)]
    record = study([*good, *(replace(trial(n, accuracy=reached), params=params) for n, params, reached in failed)])
    assert traces(record)["below the axis"].text == ("", "10% to 42%", "20%")


def test_many_failures_are_part_of_the_picture() -> None:
    half = [trial(n, accuracy=0.1 if n % 2 else 0.95) for n in range(2, 20)]
    assert front.info(study(half)).below == []


def test_the_front_is_shown_but_for_failures_that_are_small() -> None:
    good = [trial(n, accuracy=0.95 + n / 1000) for n in range(2, 12)]
    small, smallest = (replace(trial(n, accuracy=a), params=n) for n, a in ((90, 0.6), (80, 0.1)))
    info = front.info(study([*good, small, smallest]))
    assert {80, 90} <= {marker.trial for marker in info.front}
    assert [marker.trial for marker in info.below] == [80]


def test_a_published_network_is_never_cut_off() -> None:
    good = [trial(n, accuracy=0.95 + n / 1000) for n in range(2, 12)]
    info = front.info(study([trial(0, anchor="squeezenet_v1_0", accuracy=0.1), *good]))
    assert info.below == []
    assert info.floor < 0.1


def test_stopped_trials_do_not_stretch_the_axis() -> None:
    good = [trial(n, accuracy=0.9 + n / 200) for n in range(2, 12)]
    stopped = [trial(n, state="PRUNED", epochs=2, accuracy=0.2 + n / 100) for n in range(20, 60)]
    seen = trial(60, state="PRUNED", epochs=8, accuracy=0.93)
    record = study([*good, *stopped, seen])
    alone, info = front.info(study(good)), front.info(record)
    assert (info.floor, info.ceiling) == (alone.floor, alone.ceiling)
    assert {marker.trial for marker in info.below} == set(range(20, 60))
    drawn = traces(record)
    edge = drawn["stopped below the axis"]
    assert (edge.mode, edge.text, edge.marker.symbol) == ("markers", None, "triangle-down-open")
    assert set(edge.y) == {info.floor}
    assert len(edge.x) == 40
    assert list(drawn["stopped early"].x) == [seen.params]
    assert "below the axis" not in drawn
    assert traces(study([*good, *stopped, trial(70, accuracy=0.1)]))["below the axis"].text == ("10%",)


def test_a_study_of_stopped_trials_alone_is_drawn() -> None:
    info = front.info(study([trial(n, state="PRUNED", epochs=2, accuracy=0.2 + n / 100) for n in range(2, 9)]))
    assert info.floor < 0.22
    assert info.below == []


@pytest.mark.parametrize(
    "record",
    [
        study([]),
        study([trial(0, state="FAIL")]),
        study([trial(2)]),
        study([trial(2, accuracy=0.0)]),
        study([trial(2)] * 3),
    ],
    ids=["empty", "failed", "single", "zero", "equal"],
)
def test_small_studies_are_drawn(record: StudyRecord) -> None:
    page = front.html(front.figure(front.info(record)))
    assert "validation accuracy" in page


def test_the_page_is_whole_and_always_the_same() -> None:
    info = front.info(finished_study(5))
    page = front.html(front.figure(info))
    assert page == front.html(front.figure(info))
    assert not re.findall(r"<(?:script|link)[^>]*(?:src|href)=", page)
    assert len(page) > 3_000_000


def test_a_study_named_like_markup_is_text() -> None:
    record = replace(study([trial(2)]), name="<img src=x>")
    assert "&lt;img" in front.figure(front.info(record)).layout.title.text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("squeezenet_v1_0", "SqueezeNet v1.0"),
        ("squeezenet_v1_1", "SqueezeNet v1.1"),
        ("squeezenet_v1_0_complex_bypass", "SqueezeNet v1.0 complex bypass"),
        ("alexnet_caffe", "AlexNet caffe"),
        ("resnet18", "ResNet-18"),
        ("regnet_x_400mf", "RegNetX-400MF"),
        ("shufflenet_v2_x1_0", "ShuffleNet v2 x1.0"),
        ("dense_12", "dense 12"),
    ],
)
def test_published_names(name: str, shown: str) -> None:
    assert published_name(name) == shown


def test_points_in_short() -> None:
    fire = {"base_e": 64, "incr_e": 32, "freq": 2, "pct_3x3": 0.5, "squeeze_ratio": 0.25}
    assert shorthand(fire) == "e=64+32/2 p3=.5 sr=.25"
    union = {"family": "residual", "residual.base_width": 40, "residual.freq": 6, "residual.block": "basic"}
    assert shorthand(union) == "residual w=40 f=6 block=basic"
    assert shorthand({"family": "fire", **{f"fire.{name}": value for name, value in fire.items()}}) == (
        "fire e=64+32/2 p3=.5 sr=.25"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(12, "12"), (999, "999"), (999.9, "1k"), (1000, "1k"), (48_211, "48.2k"), (727_306, "727k"), (999_999, "1M"),
     (1_248_424, "1.25M"), (100_000, "100k"), (2.5e9, "2.5G")],
)  # fmt: skip
def test_si(value: float, shown: str) -> None:
    assert si(value) == shown


def test_names_at_one_place_stand_apart() -> None:
    place = (0.5, 0.5)
    places = label_places([place] * 4, ["SqueezeNet v1.0"] * 4, [(*place, *place)] * 4)
    assert len(set(places)) == 4


@pytest.mark.parametrize(
    ("place", "obstacle", "expected"),
    [
        ((0.5, 0.5), (0.5, 0.4, 0.5, 0.6), (1, 0)),  # its own error bar
        ((0.5, 0.5), (0.5, 0.5, 1.0, 0.5), (-1, 0)),  # the front runs off to the right
        ((0.99, 0.5), (0.5, 0.0, 0.5, 0.1), (-1, 0)),  # no room on the right
    ],
)
def test_names_keep_clear(
    place: tuple[float, float], obstacle: tuple[float, float, float, float], expected: tuple[int, int]
) -> None:
    assert label_places([place], ["SqueezeNet v1.0"], [obstacle]) == [expected]


def test_ticks_are_in_k_and_m() -> None:
    axis = front.figure(front.info(finished_study(20))).layout.xaxis
    ticks: Callable[[int], str] = dict(zip(axis.tickvals, axis.ticktext, strict=True)).__getitem__
    assert (ticks(50_000), ticks(1_000_000)) == ("50k", "1M")
    assert axis.type == "log"
