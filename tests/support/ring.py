"""A pytest plugin that tells what a run cost, and ends it in good order when its time is over.

Before pytest's closing line it prints the most expensive fixtures (set-up only; pytest's own
``--durations`` has the tests), and how long this run and those before it took. It knows two
variables of the environment:

``MIP_TESTS_UNTIL``
    Seconds since the epoch at which tests have to be over, e.g. because CI would cut them off: the
    run then ends as by Ctrl-C, with a message, what was found so far and the closing line.
``MIP_TESTS_TOOK``
    A file in which each run leaves a line, so that the last one shows all of them.
"""

from __future__ import annotations

import _thread
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

SHOWN = 10


class Costs:
    """What one process of a run measures; with pytest-xdist, the first one has the others' too."""

    def __init__(self) -> None:
        self.fixtures: dict[tuple[str, str], tuple[int, float]] = {}
        self.others_cpu = 0.0

    def add(self, name: str, where: str, seconds: float, times: int = 1) -> None:
        before, so_far = self.fixtures.get((name, where), (0, 0.0))
        self.fixtures[name, where] = (before + times, so_far + seconds)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Iterator[None]:
        begin = time.monotonic()
        try:
            return (yield)
        finally:
            self.add(fixturedef.argname, _of(fixturedef, request), time.monotonic() - begin)

    @property
    def cpu(self) -> float:
        """Seconds of this process, of the others of pytest-xdist, and of all that ended of theirs.

        With the others, not what this process itself waited for: they are among them.
        """
        own = _cpu(resource.RUSAGE_SELF)
        return own + (self.others_cpu or _cpu(resource.RUSAGE_CHILDREN))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if (output := getattr(session.config, "workeroutput", None)) is not None:
            output["fixtures"] = [[*key, *value] for key, value in self.fixtures.items()]
            output["cpu"] = self.cpu

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", {})  # none of one that crashed
        self.others_cpu += output.get("cpu", 0.0)
        for name, where, times, seconds in output.get("fixtures", ()):
            self.add(name, where, seconds, times)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        costly = sorted(self.fixtures.items(), key=lambda item: -item[1][1])
        costly = [item for item in costly if item[1][1] >= 0.05][:SHOWN]
        if costly:
            terminalreporter.section(f"{len(costly)} most expensive fixtures")
            for (name, where), (times, seconds) in costly:
                terminalreporter.line(f"{seconds:8.2f}s  {times:4d} x  {name}  ({where})")


class Clock:
    """How long runs take, and when they have to end. Of the process that prints only."""

    def __init__(self, config: pytest.Config, costs: Costs) -> None:
        self.config = config
        self.costs = costs
        self.name = _name(config)
        self.began = time.monotonic()
        self.over = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Iterator[object]:
        until = os.environ.get("MIP_TESTS_UNTIL")
        if until is None:
            return (yield)
        left = float(until) - time.time()
        if left <= 0:
            self.over = True
            pytest.exit("the time for tests is over before the first", returncode=2)
        timer = threading.Timer(left, self._end)
        timer.daemon = True
        timer.start()
        try:
            return (yield)
        finally:
            timer.cancel()

    def _end(self) -> None:
        """As Ctrl-C at a terminal, which all processes of the run hear."""
        self.over = True
        if self.config.pluginmanager.has_plugin("dsession"):
            own = str(os.getpid())
            listed = subprocess.run(["pgrep", "-P", own], capture_output=True, check=False).stdout
            for pid in listed.split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGINT)
        _thread.interrupt_main()

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        seconds = time.monotonic() - self.began
        took = f"{seconds:6.0f} s, {self.costs.cpu:6.0f} s of CPU  {self.name}"
        if self.over:
            took += "  (ended: the time for tests is over)"
        lines = []
        if place := os.environ.get("MIP_TESTS_TOOK"):
            file = Path(place)
            lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join([*lines, took, ""]), encoding="utf-8")
        terminalreporter.section("how long it took")
        for line in (*lines, took):
            terminalreporter.line(line)
        if self.over:
            terminalreporter.line(
                "The time for tests is over: what was not run yet is not run. MIP_TESTS_UNTIL said"
                " when; on a slow machine give it more, or run one ring alone.",
                red=True,
            )


def _of(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> str:
    """The test file of a fixture that each file, or each test, has anew; else its scope."""
    scope = fixturedef.scope
    if scope == "session":
        return "session"
    node = request.node.nodeid.partition("::")[0] or scope
    return f"{scope}, {node}"


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _name(config: pytest.Config) -> str:
    """What was asked for, as it was typed: ``tests/unit tests/functional``."""
    wanted = [argument for argument in config.args if not argument.startswith("-")]
    root = f"{config.rootpath}{os.sep}"
    return " ".join(each.removeprefix(root) for each in wanted) or "tests"


def pytest_configure(config: pytest.Config) -> None:
    costs = Costs()
    config.pluginmanager.register(costs, "mip-costs")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Clock(config, costs), "mip-clock")
