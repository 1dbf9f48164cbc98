"""Jobs as text: what crosses to a worker on another machine is the name of a function and JSON, never code.

A job asks for one of `FUNCTIONS` and no other, whoever wrote it. Relative paths in its arguments are meant from the
controller's folder, into which a worker therefore changes; a shared file system gives both the same files.
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
    "explorer.training.worker:data_facts",
    "explorer.launchers.jobs:warm_up",
    "explorer.launchers.jobs:look_around",
)
"""What a worker runs."""


class JobError(ValueError):
    """A job that cannot be sent, or asks for what a worker does not do."""


class JobFailed(Exception):  # noqa: N818 - a base for the names of other people's errors
    """An error in a worker whose type is not known here: a subclass with its name and message."""


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
        JobError: if workers do not run the function, or if its arguments are more than plain data.
    """
    name = name_of(function)
    try:
        return json.dumps({"function": name, "arguments": arguments})
    except (TypeError, ValueError) as error:
        raise JobError(f"the arguments of {name} are no plain data: {error}") from None


def run(job: str) -> str:
    """Runs a job; its result, or the error that it raised, as JSON. Never raises what the function raises."""
    try:
        function, arguments = _read(job)
        return json.dumps({"result": function(*arguments)})
    except Exception as error:  # noqa: BLE001 - it is raised where the job came from
        return json.dumps({"error": _described(error)})


def unpack(answer: str) -> Any:
    """The result of a job.

    Raises:
        the error that the job raised: its own type if that is built in or this package's, else a JobFailed of its name.
    """
    told = json.loads(answer)
    if "error" in told:
        raise _error(told["error"])
    return told["result"]


def warm_up() -> None:
    """Imports what training needs."""
    import torch

    import explorer.launchers.preload  # noqa: F401 - to import is all that it is for

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def look_around(tag: Any = None, seconds: float = 0.0) -> dict[str, Any]:
    """What a worker sees of itself.

    Args:
        tag: plain data, comes back.
        seconds: time to be busy.
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


def _error(told: dict[str, Any]) -> Exception:
    name, module, message = str(told["type"]), str(told["module"]), str(told["message"])
    home: Any = None
    if module == "builtins" or module.partition(".")[0] == "explorer":
        home = importlib.import_module(module)
    kind = getattr(home, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = type(name, (JobFailed,), {})
    for arguments in (told["arguments"], [message]):
        try:
            error: Exception = kind(*arguments)
        except TypeError:  # its constructor wants something else
            continue
        if str(error) == message:
            break
    else:
        error = type(name, (JobFailed,), {})(message)
    if isinstance(error, OSError):
        error.errno = told["errno"]
    return error
