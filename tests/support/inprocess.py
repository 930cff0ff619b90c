"""Runner functions called as ``salt-run`` calls them, but in the process of the test.

A new ``salt-run`` needs seconds of CPU for its imports. Where the command line is not what is
tested, the function that it would run is called through the same client, with its arguments read
from text in the same way; what it prints of its progress is kept.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import salt.client
import salt.config
import salt.runner


class Runners:
    """The runner functions of one Salt master."""

    def __init__(self, config: Path) -> None:
        self._opts = salt.config.client_config(str(config))
        self._opts["__cli"] = "salt-run"  # it tells its progress
        self._client = salt.runner.RunnerClient(self._opts)

    def close(self) -> None:
        self._client.destroy()

    def call(self, function: str, *args: str) -> tuple[int, Any, str]:
        """The exit code that ``salt-run`` would have, what is returned, and standard error.

        An exception other than those that ``salt-run`` shows as one line is returned as it is
        there: a text with the traceback.
        """
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            full = self._client.cmd(function, list(args), print_event=False, full_return=True)
        value = full["return"]
        code = 0 if full["success"] or isinstance(value, Mapping) else 1
        if isinstance(value, Mapping):
            if set(value) == {"outputter", "data"}:
                value = value["data"]
            code = value.get("retcode", 0) if isinstance(value, Mapping) else 0
        return code, value, said.getvalue()


class Minions:
    """The minions of one Salt master, asked in the process of the test."""

    def __init__(self, config: Path) -> None:
        self._client = salt.client.LocalClient(str(config))

    def close(self) -> None:
        self._client.destroy()

    def ask(
        self,
        nodes: list[str],
        function: str,
        *args: Any,
        wait: int = 60,
        **keywords: Any,
    ) -> dict[str, Any]:
        """What each answered; Salt has a text for one that gave no sign for so many seconds."""
        answers: dict[str, Any] = self._client.cmd(
            nodes,
            function,
            list(args),
            timeout=wait,
            tgt_type="list",
            kwarg=keywords,
            gather_job_timeout=wait,
        )
        return answers
