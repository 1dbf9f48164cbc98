"""Secrets in text that leaves the program: user and password in a URL, keys and tokens in a query or an option."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"
SHORTEST = 3
"""Letters of a secret that is hidden wherever it stands; shorter ones stand in ordinary words."""

_USER = re.compile(r"(?<=://)(?!/)[^\s'\"]*@")
_CUT = re.compile(r"(?<=://)([^\s'\"/@:,]+):(?!\d+(?:[/?\s'\",;.)\]]|$))[^\s'\"@]+(?!\S*@)")
"""The same where a message breaks off before the `@`; digits alone are a port."""
_NAMED = re.compile(
    r"(?i)((?:[?&;][^=&\s]*(?:pass|pwd|token|secret|key)[^=&\s]*"
    r"|\b[\w.-]*(?:password|passwd|pwd|token|secret|api[_-]?key|access[_-]?key|sslkey)[\w-]*)\s*=\s*)"
    r"[^&\s'\"]+"
)
_known: set[str] = set()


def redact(text: str, url: str = "") -> str:
    """The text with every credential in it hidden.

    Args:
        text: one line or many.
        url: whose own secrets are hidden wherever they stand, also where a library repeats them outside the URL.
    """
    for secret in sorted({*_known, *secrets(url)}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
    if "://" in text:
        text = _CUT.sub(rf"\1:{HIDDEN}", _USER.sub(f"{HIDDEN}@", text))
    return _NAMED.sub(rf"\1{HIDDEN}", text) if "=" in text else text


def remember(words: list[str]) -> None:
    """Has `redact` hide the secrets in words of a command line from now on."""
    for word in words:
        _known.update(secret for secret in secrets(word) if len(secret) >= SHORTEST)


def secrets(url: str) -> Iterator[str]:
    """Passwords in a URL, or in a word that has one in it: as they are, as a URL writes them, and as it means them."""
    user = re.search(r"://[^/:@]*:(.*)@", url) or re.search(r"://([^/:@]+)@", url)
    found = [user[1]] if user else []
    found += [match[0].removeprefix(match[1]) for match in _NAMED.finditer(url)]
    for secret in filter(None, found):
        yield from {secret, unquote(secret), quote(secret), quote_plus(secret)}
