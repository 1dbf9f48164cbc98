"""Values on a command line: quoted for Hydra's grammar, then for the shell."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any


def word(key: str, value: Any) -> str:
    """KEY=VALUE, to be pasted into a shell."""
    return shlex.quote(f"{key}={hydra_value(value)}")


def hydra_value(value: Any) -> str:
    """A value that Hydra reads back as the same value."""
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", value) and value.lower() not in (
            "null", "true", "false", "nan", "inf",
        )  # fmt: skip
        return value if plain else quoted(value.replace("${", r"\${"))
    if isinstance(value, list | tuple):
        return f"[{','.join(map(hydra_value, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{hydra_value(str(key))}:{hydra_value(inner)}' for key, inner in value.items())}}}"
    return json.dumps(value).replace("Infinity", "inf").replace("NaN", "nan")


def quoted(text: str) -> str:
    """Text in the quotes of Hydra's grammar; there a backslash means itself, except before a quote."""
    inside = re.sub(r'(\\*)"', lambda match: 2 * match[1] + '\\"', text)
    end = len(inside) - len(inside.rstrip("\\"))
    return f'"{inside}{inside[-end:] if end else ""}"'
