"""A runner function as ``salt-run`` shows it: arguments checked, errors one line, a table.

By itself, Salt prints the manual and exits with 0 on a misspelt argument, an unknown name or a
``TypeError``. Here a person and a script get one error and exit code 1.
"""

from __future__ import annotations

import functools
import inspect
import logging
import math
import sys
from collections.abc import Callable
from typing import Any

import salt.exceptions

from saltext_mip import results
from saltext_mip.bridge.execution import os_error_text
from saltext_mip.bridge.progress import NOISE
from saltext_mip.errors import MipError, Unexpected
from saltext_mip.text import shown, with_salt_run

log = logging.getLogger(__name__)

_SECONDS = {"timeout", "served_within"}


class MipRunnerError(salt.exceptions.NotImplemented):  # type: ignore[misc]
    """The one kind of exception that salt-run prints as one line, and exits with 1."""


def command(function: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Shape a function for salt-run: arguments checked, errors one line, a table by default."""
    signature = inspect.signature(function)
    name = function.__name__.rstrip("_")
    parameters = signature.parameters.values()
    switches = {parameter.name for parameter in parameters if isinstance(parameter.default, bool)}

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> dict[str, Any]:
        if function.__globals__.get("__opts__", {}).get("__cli") == "salt-run":
            _quiet_terminal()
        given = {key: value for key, value in kwargs.items() if not key.startswith("__")}
        try:
            bound = signature.bind(*args, **given)
        except TypeError as exc:
            known = ", ".join(signature.parameters)
            raise MipRunnerError(f"mip.{name}: {exc}. Arguments: {known}.") from None
        for argument in _SECONDS & bound.arguments.keys():
            _check_seconds(name, argument, bound.arguments[argument])
        for argument in switches & bound.arguments.keys():
            _check_switch(name, argument, bound.arguments[argument])
        if bound.arguments.get("reason") is not None:  # text, whatever Salt parsed it as
            bound.arguments["reason"] = str(bound.arguments["reason"])
        try:
            value = function(*bound.args, **bound.kwargs)
        except (MipError, salt.exceptions.SaltException) as exc:
            text = with_salt_run(str(exc), results.COMMANDS)
            raise MipRunnerError("\n".join(map(shown, text.split("\n")))) from None
        except (SystemExit, KeyboardInterrupt):
            raise MipRunnerError(f"mip.{name}: interrupted") from None
        except OSError as exc:
            raise MipRunnerError(f"mip.{name}: {os_error_text(exc)}") from None
        except Exception as exc:  # noqa: BLE001 - Salt exits with 0 on a TypeError
            error = Unexpected.of(exc)
            log.debug("%s\n%s", str(error), "\n".join(error.frames))
            raise MipRunnerError(f"mip.{name}: {error}") from None
        return {"outputter": "mip", "data": results.to_json(name, value)}

    # Salt would inspect the wrapped function and refuse unknown arguments with exit code 0.
    del call.__wrapped__
    return call


def _quiet_terminal() -> None:
    """Keep Salt's records about objects of its own from the terminal; log files have them still.

    Some come when the process ends: after Salt's own handler is gone, by Python's last resort.
    """
    for handler in (*logging.getLogger().handlers, logging.lastResort):
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
            handler.addFilter(_is_for_people)


def _is_for_people(record: logging.LogRecord) -> bool:
    return not NOISE.search(record.getMessage())


def _check_switch(name: str, argument: str, value: Any) -> None:
    """Refuse a text: any text that Salt did not parse as a boolean would count as true."""
    if value not in (True, False):  # 0 and 1 are as good
        raise MipRunnerError(f"mip.{name}: {argument} must be True or False.")


def _check_seconds(name: str, argument: str, value: Any) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    if not good:
        raise MipRunnerError(f"mip.{name}: {argument}= must be a number of seconds, 0 or more.")
