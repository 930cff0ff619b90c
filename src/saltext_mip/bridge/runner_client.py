"""Calls functions of the runner ``mip`` in this process, as ``salt-run`` does in one of its own.

Configuration, log file and the user come from Salt's own option parser, and the call is a runner
job like any other: on the event bus and in the job cache. Two things differ. Only the runner that
is called is loaded, not all of Salt's. And nothing is printed: the value, progress and log records
go to the caller.

Where the Salt master runs as another user, each call is made in a forked child that becomes that
user, since state files must belong to it while the operator remains who they are.
"""

from __future__ import annotations

import io
import json
import logging
import os
import pwd
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import IO, Any, NamedTuple

import salt.exceptions
import salt.loader
import salt.runner
import salt.utils.parsers
import salt.utils.verify

from saltext_mip.bridge.interrupts import handled_by, raise_received, signals_raise
from saltext_mip.bridge.progress import NOISE, Progress, paused, paused_by, progress_to
from saltext_mip.errors import Unexpected


class Returned(NamedTuple):
    """What a runner function returned, as JSON holds it, and the exit code of ``salt-run``."""

    code: int
    value: Any


class RunnerClient:
    """The runner of one configuration folder.

    ``level`` is the level of ``log`` records (none: no records).
    """

    def __init__(
        self,
        config_dir: str | None,
        *,
        level: int | None = None,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._opts: dict[str, Any] | None = None
        self._error = ""
        arguments = ["-c", config_dir] if config_dir else []
        parser = salt.utils.parsers.SaltRunOptionParser(prog="salt-run")
        errors: list[str] = []
        collector = _Records(errors.append, logging.ERROR)
        logging.getLogger().addHandler(collector)
        usage = io.StringIO()
        try:
            with redirect_stderr(usage):
                parser.parse_args([*arguments, "-l", "quiet", "mip"])
        except SystemExit:
            self._error = "\n".join(dict.fromkeys(errors)) or usage.getvalue().strip()
            return
        finally:
            logging.getLogger().removeHandler(collector)
        self._opts = parser.config
        self._opts["__cli"] = "salt-run"
        _log_to(log, level)

    def run(self, function: str, arguments: Mapping[str, Any], progress: Progress) -> Returned:
        """Call ``mip.consolidate``, or another function by its whole name.

        Ctrl-C ends the function in its own way first, then raises :class:`KeyboardInterrupt`;
        SIGTERM likewise raises :class:`SystemExit`.
        """
        if self._opts is None:
            return Returned(1, self._error)
        user = self._opts["user"]
        if user == pwd.getpwuid(os.geteuid()).pw_name:
            with _signals_end_the_call():
                return _call(self._opts, function, arguments, progress)
        if os.geteuid() != 0:
            return Returned(1, f"The Salt master runs as {user}: run mip as {user}, or as root.")
        return _call_in_child(self._opts, function, arguments, progress)


class _Runner(salt.runner.RunnerClient):  # type: ignore[misc]
    """Salt's client with a single function loaded: loading all runners takes as long as a call."""

    def __init__(self, opts: dict[str, Any], function: str) -> None:
        super().__init__(opts, context={})
        self.utils = salt.loader.utils(opts)
        self._loader = salt.loader.runner(opts, utils=self.utils, context=self.context)
        self._function = function
        found = function in self._loader
        self._functions = {function: self._loader[function]} if found else {}

    @property
    def functions(self) -> dict[str, Any]:
        return self._functions

    def not_available(self) -> str:
        return str(self._loader.missing_fun_string(self._function))

    def destroy(self) -> None:
        if (minion := self.__dict__.pop("_mminion", None)) is not None:
            minion.returners = None  # its destroy() would load every returner that Salt has
            minion.destroy()
        self._loader.destroy()
        super().destroy()


def _call(
    opts: dict[str, Any], function: str, arguments: Mapping[str, Any], progress: Progress
) -> Returned:
    try:
        with (
            progress_to(progress),
            redirect_stdout(io.StringIO()),  # standard output is for the result alone
            _Runner(opts, function) as client,
        ):
            if function not in client.functions:
                return Returned(1, client.not_available())
            low = {"arg": [], "kwarg": dict(arguments), "__user__": client.salt_user}
            data = client.low(function, low, print_event=False, full_return=True)
    except salt.exceptions.SaltException as exc:
        return Returned(1, str(exc))
    value = data["return"]
    if isinstance(value, str) and value.startswith("Exception occurred in runner"):
        value = f"{function}: {value.rstrip().splitlines()[-1]}"  # Salt's own: ours is one line
    if isinstance(value, dict) and set(value) == {"outputter", "data"}:
        value = value["data"]
    code = data.get("retcode", 0) or (value.get("retcode", 0) if isinstance(value, dict) else 0)
    return Returned(code, json.loads(json.dumps(value, default=repr)))


@contextmanager
def _signals_end_the_call() -> Iterator[None]:
    """A runner function, or Salt on its way out, turns an interrupt into an error: after it, the
    interrupt is raised."""
    with signals_raise() as received:
        try:
            yield
        finally:
            raise_received(received)


def _call_in_child(
    opts: dict[str, Any], function: str, arguments: Mapping[str, Any], progress: Progress
) -> Returned:
    """The same as the user of the Salt master; a line of JSON for each thing that it reports."""
    read, write = os.pipe()
    waits, answers = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            os.close(answers)
            with os.fdopen(write, "w", encoding="utf-8") as out:
                _child(opts, function, arguments, out, waits)
        finally:
            os._exit(0)
    os.close(write)
    os.close(waits)
    with (
        _signals_reach(child) as received,
        os.fdopen(read, encoding="utf-8") as lines,
        os.fdopen(answers, "wb", buffering=0) as is_paused,
        ExitStack() as asking,
    ):
        returned = Returned(1, f"{function}: its process ended without a result.")
        for line in lines:
            kind, value = json.loads(line)
            if kind == "progress":
                progress(value)
            elif kind == "question":  # it is asked once the progress is paused here
                asking.close()
                if value:
                    asking.enter_context(paused())
                    is_paused.write(b"1")
            else:
                returned = Returned(*value)
        os.waitpid(child, 0)
    raise_received(received)
    return returned


def _child(
    opts: dict[str, Any],
    function: str,
    arguments: Mapping[str, Any],
    out: IO[str],
    waits: int,
) -> None:
    def send(kind: str, value: Any) -> None:
        out.write(json.dumps([kind, value]) + "\n")
        out.flush()

    @contextmanager
    def pause() -> Iterator[None]:
        send("question", True)
        os.read(waits, 1)
        try:
            yield
        finally:
            send("question", False)

    try:
        if not salt.utils.verify.check_user(opts["user"]):
            send("returned", (1, f"Cannot become {opts['user']}, the user of the Salt master."))
            return
        with _signals_end_the_call(), paused_by(pause):
            send("returned", _call(opts, function, arguments, lambda text: send("progress", text)))
    except (KeyboardInterrupt, SystemExit):
        send("returned", (1, f"{function}: interrupted"))
    except Exception as exc:  # noqa: BLE001 - the parent has to hear of it
        send("returned", (1, f"{function}: {Unexpected.of(exc)}"))


@contextmanager
def _signals_reach(child: int) -> Iterator[list[int]]:
    """Pass signals on and wait: a terminal sends Ctrl-C to the child too. The second one kills."""
    received: list[int] = []

    def forward(number: int) -> None:
        received.append(number)
        if len(received) > 1:
            os.kill(child, signal.SIGKILL)
        elif number == signal.SIGTERM:
            os.kill(child, number)

    with handled_by(forward):
        yield received


class _Records(logging.Handler):
    """Records as lines, without Salt's noise."""

    def __init__(self, log: Callable[[str], None], level: int) -> None:
        super().__init__(level)
        self._log = log
        self.setFormatter(logging.Formatter("[%(levelname)-8s] %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).splitlines():
            if not NOISE.search(line):
                self._log(line)


def _log_to(log: Callable[[str], None], level: int | None) -> None:
    """Records of this level to ``log``; with none, Python's own last resort is kept silent too."""
    root = logging.getLogger()
    if level is None:
        root.addHandler(logging.NullHandler())
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        return
    root.addHandler(_Records(log, level))
    root.setLevel(min(root.level, level) if root.level else level)
