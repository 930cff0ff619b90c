"""How the program ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, threading, time
from saltext_mip.console.cli import main

def run(_):
    threading.Thread(target=time.sleep, args=(600,)).start()  # what a library left
    print('begun')
    os.kill(os.getpid(), signal.{name})
    time.sleep(600)

main._run = run
main.entry()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_after_a_signal_it_waits_for_no_thread_that_is_left(name: str, code: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, "begun\n", "")


def test_other_exit_codes_are_as_they_are() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "saltext_mip.console", "--pusher", "no-such-action"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "See mip --help" in ran.stderr
