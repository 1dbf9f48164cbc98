"""Shell completion: Hydra answers what can follow; bash is told here when to ask, as Hydra knows no `python -m`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SCRIPT = """
_explorer_completion() {
    local line=${COMP_LINE:0:COMP_POINT} words choices
    words=($line)
    [[ $line == *" " ]] && words+=("")
    [[ ${words[1]} == -m && ${words[2]} == explorer* ]] || return
    compopt -o nospace
    if (( ${#words[@]} == 3 )); then
        choices="%COMMANDS%"
    else
        choices=$(COMP_POINT=$COMP_POINT COMP_LINE="${line#* -m }" \\
            "${words[0]}" -m "${words[2]}" -sc query=bash 2>/dev/null)
    fi
    COMPREPLY=($(compgen -o default -W "$choices" -- "${words[-1]}"))
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o default -F _explorer_completion python python3
"""
REMOVAL = """
complete -r python python3
unset -f _explorer_completion
"""


def script(words: Sequence[str], configs: Path) -> str | None:
    """What the shell is to run, if the command line asks for it: -sc install=bash, -sc uninstall=bash.

    Args:
        words: of the command line.
        configs: folder with a NAME.yaml of each command.
    """
    commands = " ".join(f"explorer.{path.stem}" for path in sorted(configs.glob("*.yaml")))
    scripts = {"install=bash": SCRIPT.replace("%COMMANDS%", commands), "uninstall=bash": REMOVAL}
    return next((scripts[word] for word in words if word in scripts), None) if asked(words) else None


def asked(words: Sequence[str]) -> bool:
    """Whether the command line is about completion."""
    return any(word in ("-sc", "--shell-completion") for word in words)
