"""A command's surroundings where Salt's answers are known in advance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saltext_mip import results
from saltext_mip.console.cli.action import Action
from saltext_mip.console.cli.commands import ACTIONS
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.salt import CommandResult, LineHandler, Salt, ignore
from saltext_mip.console.cli.terminal import Display


class Scripted(Salt):
    """Returns these values (as JSON has them) one after the other, then is interrupted.

    ``calls`` are what it got.
    """

    def __init__(self, *returned: Any) -> None:
        super().__init__()
        self._returned = list(returned)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def run(
        self, function: str, arguments: Mapping[str, Any], progress: LineHandler = ignore
    ) -> CommandResult:
        self.calls.append((function, dict(arguments)))
        if not self._returned:
            raise KeyboardInterrupt
        value = self._returned.pop(0)
        if isinstance(value, CommandResult):
            return value
        return CommandResult(0, results.parse(function, value))


def context(salt: Salt, path: Sequence[str] = ("status",), **display: Any) -> Context:
    """For the action of this name, without progress on standard error."""
    action: Action = next(each for each in ACTIONS if each.path == tuple(path))
    return Context(display=Display(quiet=True, **display), action=action, salt=salt)
