"""stdout and stderr without secrets, whoever writes there: this program, Hydra, a library."""

from __future__ import annotations

import sys
from typing import Any, TextIO, cast

from explorer.redaction import redact, remember


def hide_secrets() -> None:
    """Redacts what is written from now on; secrets on the command line are hidden also where they stand alone."""
    remember(sys.argv[1:])
    sys.stdout, sys.stderr = _redacting(sys.stdout), _redacting(sys.stderr)


def _redacting(stream: TextIO) -> TextIO:
    return stream if isinstance(stream, _Redacting) else cast("TextIO", _Redacting(stream))


class _Redacting:
    """A stream like the one that it writes to."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
