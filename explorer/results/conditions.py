"""What the bits of a training depend on besides its config: device, instruction set, threads, versions."""

from __future__ import annotations

import re
from collections.abc import Mapping

CPU = re.compile(r"(?:(\d+) x )?cpu \((.*), (\d+) threads?(?:, ([A-Z0-9 ]+))?\)")
"""How many processes, processor, threads, instruction set; studies of earlier versions lack the last."""
DECISIVE = ("explorer", "torch", "pytorch-lightning", "python")
"""Packages on whose versions the bits depend."""


def differences(
    then_device: str, device: str, then_versions: Mapping[str, str], versions: Mapping[str, str]
) -> list[tuple[str, str]]:
    """What differs between the study's conditions and those of now, and what would bring the former ones back.

    Args:
        then_device, device: in words, as `explorer.training.job.trained_on` puts them.
        then_versions, versions: of packages.
    """
    found = _devices(then_device, device)
    for package in DECISIVE:
        then, now = then_versions.get(package), versions.get(package)
        if then is not None and then != now:
            found.append((f"{package} was {then}, now {now}", f"{package} {then}"))
    return found


def _devices(then: str, now: str) -> list[tuple[str, str]]:
    before, after = CPU.fullmatch(then), CPU.fullmatch(now)
    if not (before and after):
        return [(f"the device was {then}, now {now}", f"a device of that kind: {then}")] if then != now else []
    found = []
    if (before[1] or "1") != (after[1] or "1"):
        processes = before[1] or "1"
        what = f"a training had {processes} processes, now {after[1] or 1}"
        found.append((what, f"launcher.devices_per_trial={processes}"))
    if before[2] != after[2]:
        found.append((f"the processor was {before[2]}, now {after[2]}", f"a machine with {before[2]}"))
    if before[3] != after[3]:
        found.append((f"torch threads were {before[3]}, now {after[3]}", f"launcher.threads={before[3]}"))
    if before[4] and after[4] and before[4] != after[4]:
        how = f"ATEN_CPU_CAPABILITY={before[4].lower()} before the command, on a processor that has it"
        found.append((f"the instruction set was {before[4]}, now {after[4]}", how))
    return found
