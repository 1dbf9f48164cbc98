"""The fronts of two studies in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from explorer.plots.history import COLOURS
from explorer.plots.markers import Marker, markers, of_study, steps_of
from explorer.plots.scatter import Heading, Series, Step, of_size, on_page, validation
from explorer.plots.scatter import figure as scatter
from explorer.results.record import StudyRecord
from explorer.results.selection import CANONICAL

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SYMBOLS = ("circle", "square")


def figure(records: Sequence[StudyRecord], axis: int = 0) -> Figure:
    """Draws them over one of their sizes: dominated networks faint, published ones as stars and diamonds."""
    every = [of_study(markers(record, axis=axis), i) for i, record in enumerate(records)]
    largest = max((marker.x for own in every for marker in own), default=1)
    drawn = [_drawn(i, record.name, own, largest) for i, (record, own) in enumerate(zip(records, every, strict=True))]
    series, judged = [one for own in drawn for one in own], validation(records[0].metric)
    return on_page(scatter(of_size(records[0].sizes[axis]), series, Heading(), judged))


def _drawn(place: int, study: str, own: Sequence[Marker], largest: float) -> list[Series | Step]:
    colour, dash = COLOURS[place]
    plain = [marker for marker in own if not (marker.on_front or marker.anchor or marker.stopped)]
    on_front = [marker for marker in own if marker.on_front and not marker.anchor]
    canonical = [marker for marker in own if marker.anchor == CANONICAL]
    others = [marker for marker in own if marker.anchor and marker.anchor != CANONICAL]
    return [
        Series(f"{study}: dominated", plain, colour, 6, SYMBOLS[place], opacity=0.5, bars=0.0),
        Step(steps_of(own), largest, colour, dash=dash),
        Series(f"{study}: front", on_front, colour, 10, SYMBOLS[place]),
        Series(f"{study}: SqueezeNet", canonical, colour, 17, "star"),
        Series(f"{study}: published", others, colour, 13, "diamond-open"),
    ]
