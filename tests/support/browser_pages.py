"""The pages of docs/ as a test reads them: blocks of code, and commands with what they print."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
NUMBER = r"[-+]?[\d,]*\.?\d+(?:e-?\d+)?"
IDENTITY = r"\b[0-9a-f]{16}\b"


@dataclass(frozen=True)
class Command:
    """A command of a page.

    Attributes:
        page: where it stands.
        line: as a person types it.
        output: what the page says that it prints.
    """

    page: Path
    line: str
    output: tuple[str, ...] = ()


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [textwrap.dedent(text) for _, own, text in found if own == language]


def consoles(page: Path) -> Iterator[Command]:
    """Commands behind `$ ` in the page's console blocks, each with the lines up to the next."""
    for text in blocks(page, "console"):
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            line, *output = part.rstrip("\n").split("\n")
            yield Command(page, line, tuple(output))


def commands(page: Path) -> Iterator[Command]:
    """Every command of a page: of console blocks, and `python -m ...` and `make ...` of indented blocks or quoted."""
    yield from consoles(page)
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    starts = r"(?:\.venv/bin/)?python (?:-m )?(?:explorer|benchmarks)|make [a-z]+\b"
    for line in re.findall(rf"^    ((?:{starts}).*)$", text, re.MULTILINE):
        yield Command(page, re.sub(r"\s+#\s.*$", "", line))
    for line in re.findall(rf"`((?:{starts})[^`]*)`", text):
        yield Command(page, line)


def unlike(output: tuple[str, ...], printed: str) -> str | None:
    """The first line of a page that a command did not print, in the page's order; None if it printed all of them.

    Numbers and identities differ from machine to machine: any will do. So do rows of tables, which begin with a number.
    `...` stands for anything. How lines are wrapped does not count.
    """
    rest = " ".join(printed.split())
    for line in output:
        if line.strip() == "..." or not line.strip() or re.match(r"\s*\d", line):
            continue
        found = re.search(_pattern(" ".join(line.split())), rest)
        if found is None:
            return line
        rest = rest[found.end() :]
    return None


def _pattern(line: str) -> str:
    words = re.split(rf"({IDENTITY}|{NUMBER}|\.\.\.)", line)
    known = {True: IDENTITY, False: NUMBER}
    return "".join(
        ".*?" if word == "..." else known[bool(re.fullmatch(IDENTITY, word))] if index % 2 else re.escape(word)
        for index, word in enumerate(words)
    )


def slug(heading: str) -> str:
    """The anchor of a heading, as repository hosts make it."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def headings(page: Path) -> set[str]:
    """Anchors of a page."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
