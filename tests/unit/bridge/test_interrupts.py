"""A signal that ends a command is raised wherever it comes, and nothing else is printed.

Each case is a process of its own, which sends itself the signal at the moment that matters.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from saltext_mip.bridge.interrupts import INTERRUPTED, TERMINATED, signals_raise

BEGIN = """
import gc, os, signal, sys, time, weakref
from saltext_mip.bridge.interrupts import ended_by_signal, signals_raise

class Thing:
    pass

def send(*_):
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):  # the handler runs between two instructions
        pass

def work():
    print('begun', flush=True)
    time.sleep(600)

"""

DURING = {
    "work": "send()",
    "a weak reference's callback": "thing = Thing(); seen = weakref.ref(thing, send); del thing",
    "a finalizer": "Thing.__del__ = send; Thing()",
    "a constructor whose finalizer needs it": """
    class Half:
        def __init__(self):
            send()
            self.whole = True
        def __del__(self):
            self.whole
    Half()""",
    "a callback, twice": """
    first, second = Thing(), Thing()
    seen = [weakref.ref(first, send), weakref.ref(second, send)]
    del first, second""",
    "an inner block": "with signals_raise(): send()",
    "after an inner block": "\n    with signals_raise(): pass\n    send()",
    "a finally that fails": """
    try:
        send()
    finally:
        _unknown""",
    "code that is made as text": 'exec("send()", globals())',
    "a library that catches everything, before an inner block": """
    try:
        send()
    except BaseException:
        pass
    with signals_raise():
        work()""",
}


@pytest.mark.parametrize(("name", "code"), [("SIGINT", INTERRUPTED), ("SIGTERM", TERMINATED)])
@pytest.mark.parametrize("moment", DURING.values(), ids=DURING)
def test_a_signal_ends_it_at_whatever_moment_it_comes(
    moment: str, name: str, code: int, tmp_path: Path
) -> None:
    program = BEGIN.replace("SIGINT", name) + (
        "def run():\n"
        "    with signals_raise() as received: return ended_by_signal(command, received)\n"
        "def command():\n"
        f"    {moment.strip()}\n"
        "    work()\n"
        "sys.exit(run())\n"
    )
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "program"],  # as panes start it: it ends otherwise than a script
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (ran.returncode, ran.stderr) == (code, "")


def test_what_a_finalizer_reports_without_a_signal_is_still_shown() -> None:
    program = "Thing.__del__ = lambda self: 1 / 0\nwith signals_raise():\n    Thing()\n"
    ran = subprocess.run(
        [sys.executable, "-c", BEGIN + program], capture_output=True, text=True, check=True
    )
    assert "ZeroDivisionError" in ran.stderr


def test_handlers_are_as_before_after_the_block() -> None:
    program = (
        "before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)\n"
        "hook = sys.unraisablehook\n"
        "with signals_raise():\n"
        "    assert signal.getsignal(signal.SIGINT) is not before[0]\n"
        "assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before\n"
        "assert sys.unraisablehook is hook\n"
    )
    subprocess.run([sys.executable, "-c", BEGIN + program], check=True)


def test_another_thread_changes_nothing() -> None:
    received = []

    def use() -> None:
        with signals_raise() as signals:
            received.append(signals)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert received == [[]]


def test_a_signal_that_is_sent_again_does_not_come_after_the_block() -> None:
    program = (
        "thing = Thing()\n"
        "seen = weakref.ref(thing, send)\n"
        "with signals_raise():\n"
        "    del thing\n"
        "time.sleep(1)\n"  # far beyond the moment at which it would come
        "print('went on')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", BEGIN + program], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "went on\n", "")
