"""Jobs as text: a worker on another machine gets the name of a function and JSON, never code.

A job can name one of `FUNCTIONS` and no other. Relative paths in its arguments start from the controller's folder, so a
worker changes into it; both see the same files through a shared file system.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

FUNCTIONS = (
    "explorer.training.worker:train",
    "explorer.training.worker:confusion",
    "explorer.training.worker:data_facts",
    "explorer.training.precision:faster_precision",
    "explorer.launchers.jobs:warm_up",
    "explorer.launchers.jobs:look_around",
)
"""The functions that a worker runs."""


class JobError(ValueError):
    """A job that cannot be sent, or that names a function which workers do not run."""


class JobFailed(Exception):  # noqa: N818 - a base class
    """Base of errors in a worker whose type is unknown here; each is a subclass of the original's name."""


def name_of(function: Callable[..., Any]) -> str:
    """The name by which a worker finds a function.

    Raises:
        JobError: if workers do not run it.
    """
    name = f"{function.__module__}:{function.__qualname__}"
    if name not in FUNCTIONS:
        raise JobError(f"workers do not run {name}, expected one of {', '.join(FUNCTIONS)}")
    return name


def pack(function: Callable[..., Any], arguments: tuple[Any, ...]) -> str:
    """A job as JSON.

    Raises:
        JobError: if workers do not run the function, or if its arguments are not JSON.
    """
    name = name_of(function)
    try:
        return json.dumps({"function": name, "arguments": arguments})
    except (TypeError, ValueError) as error:
        raise JobError(f"the arguments of {name} are no plain data: {error}") from None


def run(job: str) -> str:
    """Runs a job; returns its result, or the error that the function raised, as JSON."""
    try:
        function, arguments = _read(job)
        return json.dumps({"result": function(*arguments)})
    except Exception as error:  # noqa: BLE001 - `unpack` raises it in the controller
        return json.dumps({"error": _described(error)})


def unpack(answer: str) -> Any:
    """The result of a job.

    Raises:
        Exception: the job's error; of its own type if that is built in or of this package, else a JobFailed.
    """
    content = json.loads(answer)
    if "error" in content:
        raise _error(content["error"])
    return content["result"]


def warm_up() -> None:
    """Imports what training needs."""
    import torch

    import explorer.launchers.preload  # noqa: F401 - imported for what it imports

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def look_around(tag: Any = None, seconds: float = 0.0) -> dict[str, Any]:
    """A worker's process, threads and environment; for tests and measurements.

    Args:
        tag: JSON that is returned.
        seconds: to sleep.
    """
    before = "torch" in sys.modules
    environment = {key: os.environ.get(key) for key in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")}
    import torch

    time.sleep(seconds)
    about = {"pid": os.getpid(), "host": platform.node(), "folder": os.getcwd(), "torch_was_imported": before}
    about["forked_after_cuda"] = torch.cuda._is_in_bad_fork()
    return {"tag": tag, "environment": environment, "threads": torch.get_num_threads()} | about


def _read(job: str) -> tuple[Callable[..., Any], list[Any]]:
    try:
        asked = json.loads(job)
        name, arguments = asked["function"], asked["arguments"]
    except (TypeError, ValueError, KeyError):
        raise JobError("a job is no JSON of a function and its arguments") from None
    if name not in FUNCTIONS:
        raise JobError(f"workers do not run {name!r}, expected one of {', '.join(FUNCTIONS)}")
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function), arguments


def _described(error: Exception) -> dict[str, Any]:
    try:
        arguments = json.loads(json.dumps(error.args))
    except (TypeError, ValueError):
        arguments = [str(error)]
    kind = type(error)
    about = {"type": kind.__qualname__, "module": kind.__module__, "arguments": arguments, "message": str(error)}
    return about | {"errno": getattr(error, "errno", None)}


def _error(described: dict[str, Any]) -> Exception:
    name, module, message = str(described["type"]), str(described["module"]), str(described["message"])
    home: Any = None
    if module == "builtins" or module.partition(".")[0] == "explorer":
        home = importlib.import_module(module)
    kind = getattr(home, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = type(name, (JobFailed,), {})
    for arguments in (described["arguments"], [message]):
        try:
            error: Exception = kind(*arguments)
        except TypeError:  # its constructor wants something else
            continue
        if str(error) == message:
            break
    else:
        error = type(name, (JobFailed,), {})(message)
    if isinstance(error, OSError):
        error.errno = described["errno"]
    return error
