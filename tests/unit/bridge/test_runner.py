"""What a runner function leaves of Salt's records about itself: nothing on the terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import logging, sys
from saltext_mip.bridge import runner
root = logging.getLogger()
console, file = logging.StreamHandler(sys.stderr), logging.FileHandler(sys.argv[1])
root.addHandler(console)
root.addHandler(file)
def nodes():
    return None
nodes.__globals__["__opts__"] = {"__cli": sys.argv[2]}
runner.results.to_json = lambda name, value: {}
for _ in range(2):
    runner.command(nodes)()
log = logging.getLogger("salt.runner")
def report(when):
    log.warning("unclosed Runner <at 0x7>; call ``destroy()`` or use as a context manager")
    log.warning("%s: the disk is full", when)
report("meanwhile")
root.handlers.clear()  # as Salt does when it ends
report("at the end")
"""


@pytest.mark.parametrize(("program", "quiet"), [("salt-run", True), ("salt-master", False)])
def test_records_about_salts_own_objects_are_kept_from_the_terminal(
    tmp_path: Path, program: str, quiet: bool
) -> None:
    file = tmp_path / "log"
    command = [sys.executable, "-W", "ignore", "-c", RUN, str(file), program]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ("unclosed" not in ran.stderr) is quiet
    assert "meanwhile: the disk is full" in ran.stderr
    assert "at the end: the disk is full" in ran.stderr
    assert file.read_text().count("unclosed") == 1
