"""What a job finds out about the minion that it runs in."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from saltext_mip.bridge.execution import minion_uptime

ASK = """
import sys
from saltext_mip.bridge.execution import minion_uptime
print(minion_uptime({"multiprocessing": sys.argv[1] == "forked"}))
"""


@pytest.mark.parametrize("how", ["forked", "thread"])
def test_it_is_that_of_the_process_that_runs_jobs(how: str) -> None:
    """A forked job asks for its parent, which is this test's process; a thread for its own."""
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", ASK, how], check=True, capture_output=True, text=True
    )
    took = time.monotonic() - began
    found = float(ran.stdout)
    own = minion_uptime({"multiprocessing": False})
    assert own is not None
    if how == "thread":
        assert found <= took
    else:
        assert own - took <= found <= own


def test_where_the_system_does_not_tell_it_is_not_known(tmp_path: Path) -> None:
    assert minion_uptime({"multiprocessing": False}, tmp_path) is None
    folder = tmp_path / str(os.getpid())
    folder.mkdir()
    for text in ("", "1 (a) b) S 1", f"{os.getpid()} (x) " + "x " * 30):
        (folder / "stat").write_text(text)
        assert minion_uptime({"multiprocessing": False}, tmp_path) is None
