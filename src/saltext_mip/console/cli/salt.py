"""Calls Salt: runner functions in this process, execution functions of this node by ``salt-call``.

The runner functions are the one implementation; the command line is another way to call them. Salt
is imported with the first call only: help, completion, usage errors and what is answered without it
do not wait for it.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from saltext_mip import results
from saltext_mip.bridge.progress import NOISE
from saltext_mip.errors import BadAnswer
from saltext_mip.schemas.decoding import decode

if TYPE_CHECKING:
    import subprocess

    from saltext_mip.bridge.runner_client import RunnerClient

LineHandler = Callable[[str], None]


def ignore(_: str) -> None:
    """A line that is not wanted."""


@dataclass(frozen=True)
class CommandResult:
    """``value``, of the function's type in ``results`` where it has one, else as JSON holds it.

    Or ``error``, one text for a person, with a ``code`` above 0.
    """

    code: int
    value: Any = None
    error: str | None = None


class Salt:
    """Salt as one configuration folder sets it up; ``log`` receives its log records with ``-v``."""

    def __init__(
        self, config: str | None = None, verbose: int = 0, log: LineHandler = ignore
    ) -> None:
        self._config = config
        self._verbose = verbose
        self._log = log
        self._client: RunnerClient | None = None

    def run(
        self, function: str, arguments: Mapping[str, Any], progress: LineHandler = ignore
    ) -> CommandResult:
        """Call a function of the runner ``mip`` (or another, by its whole name)."""
        if self._client is None:
            import logging

            try:
                from saltext_mip.bridge.runner_client import RunnerClient
            except ModuleNotFoundError as exc:
                if exc.name and exc.name.partition(".")[0] == "salt":
                    return CommandResult(1, error="Salt is not installed in this environment.")
                raise
            level = (None, logging.INFO, logging.DEBUG)[min(self._verbose, 2)]
            self._client = RunnerClient(self._config, level=level, log=self._log)
        name = function if "." in function else f"mip.{function}"
        return _typed(name, as_result(*self._client.run(name, arguments, progress)))

    def call(self, function: str, arguments: Mapping[str, Any]) -> CommandResult:
        """Call an execution function on this node."""
        result = self._salt_call(function, arguments)
        if isinstance(result.value, Mapping) and set(result.value) == {"local"}:
            value = result.value["local"]
            if result.code and isinstance(value, str):
                return CommandResult(result.code, error=value.removeprefix("ERROR: "))
            return CommandResult(result.code, value)
        return result

    def _salt_call(self, function: str, arguments: Mapping[str, Any]) -> CommandResult:
        import subprocess

        config = ["-c", self._config] if self._config else []
        level = ("error", "info", "debug")[min(self._verbose, 2)]
        stated = [f"{key}={argument(value)}" for key, value in arguments.items()]
        argv = [executable("salt-call"), *config, "-l", level, "--out=json", function, *stated]
        try:
            process = subprocess.Popen(  # noqa: S603 - a list, each argument quoted for Salt
                argv,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except FileNotFoundError:
            return CommandResult(1, error="salt-call not found: install salt-minion.")
        errors: list[str] = []
        reader = threading.Thread(target=self._read, args=(process.stderr, errors), daemon=True)
        reader.start()
        out = _output(process)
        reader.join()
        return from_output(out, process.returncode, errors)

    def _read(self, stream: IO[str], errors: list[str]) -> None:
        for raw in stream:
            line = raw.rstrip("\n")
            if not NOISE.search(line):
                errors.append(line)
                if self._verbose:
                    self._log(line)


def _output(process: subprocess.Popen[str]) -> str:
    """Its standard output. Ctrl-C reaches it too: it ends in its own way first."""
    interrupts = 0
    out = ""
    while True:
        try:
            if process.stdout is not None:
                out += process.stdout.read()
            process.wait()
        except KeyboardInterrupt:
            interrupts += 1
            if interrupts > 1:
                process.kill()
            continue
        if interrupts:
            raise KeyboardInterrupt
        return out


def as_result(code: int, value: Any) -> CommandResult:
    """A text is an error, also where Salt's code is 0: it has no such function, for instance."""
    if isinstance(value, str):
        return CommandResult(code or 1, error=value.strip())
    return CommandResult(code, value)


def _typed(name: str, result: CommandResult) -> CommandResult:
    """The one place where a runner's JSON becomes the type of its result."""
    module, _, function = name.partition(".")
    if result.error is not None or module != "mip" or function not in results.COMMANDS:
        return result
    try:
        return replace(result, value=decode(results.COMMANDS[function], result.value, node=name))
    except BadAnswer as exc:
        return CommandResult(1, error=str(exc))


def from_output(out: str, code: int, errors: Sequence[str] = ()) -> CommandResult:
    """The result of a ``salt-call`` that wrote ``out``."""
    try:
        value = json.loads(out)
    except ValueError:
        text = out.strip() or "\n".join(errors[-5:]) or "Salt returned nothing."
        return CommandResult(code or 1, error=text)
    return as_result(code, value)


def argument(value: Any) -> str:
    """``value`` so that Salt, which reads arguments as YAML, has it back as it is."""
    text = json.dumps(value, ensure_ascii=False)
    # a '#' makes Salt keep the quotes; a name that YAML cannot read would not come back either
    return "".join(
        f"\\u{ord(char):04x}" if char == "#" or (0x7F <= ord(char) <= 0x9F) else char
        for char in text
    )


def executable(name: str) -> str:
    """Salt's command of the environment that this runs in, else of the path."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else (shutil.which(name) or name)


def is_pusher(config: Path) -> bool:
    """Whether this machine is a pusher: a Salt master is configured, or nothing is."""
    return (config / "master").is_file() or not (config / "minion").is_file()
