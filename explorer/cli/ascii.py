"""Output where not every character can be shown: a likeness in ASCII instead of a failure.

All but ± are as wide as what they stand for, so that tables and plots keep their shape.
"""

from __future__ import annotations

import codecs
from typing import TextIO

LIKENESS = str.maketrans(
    {"±": "+-", "★": "*", "●": "o", "◆": "+", "·": ".", "…": "~", "\u00d7": "x", "\u2013": "-", "→": "->", "≥": ">="}
    | dict.fromkeys("─┄╌", "-")
    | dict.fromkeys("━═", "=")
    | dict.fromkeys("│┃║┆", "|")
    | dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯", "+")
    | dict(zip("▁▂▃▄▅▆▇█", "._-=+*##", strict=True))
    | {"▶": ">", "▸": ">", "↓": "v", "↑": "^"}
)


def degrade(*streams: TextIO) -> None:
    """Makes the streams write a likeness of what their encoding lacks, and `?` where there is none."""
    codecs.register_error("likeness", _likeness)
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure and not (stream.encoding or "").lower().startswith("utf"):
            reconfigure(errors="likeness")


def _likeness(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(LIKENESS)
    return "".join(sign if sign.isascii() else "?" for sign in text), error.end
