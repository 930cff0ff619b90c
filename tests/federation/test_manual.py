"""What the manual has an operator type where services run: each line, on real hosts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.federation.deployed import Deployed
from tests.support import expected, generator, manual
from tests.support.bed import Bed

pytestmark = pytest.mark.timeout(3000)

WORKER = "fed1-wk-h1"
LAST = "fed1-wk-h3"  # whose data goes, so that something is held
LINES = manual.lines("bed")
INTERRUPTED = 130


@pytest.fixture(scope="module")
def fed(bed: Bed) -> Iterator[Deployed]:
    made = Deployed(bed)
    made.fill()
    for folder in ("/srv/export/dementia", "/home/me/export"):
        for name, content in generator.hospital(1)["dementia"].items():
            if name.endswith(".csv"):
                bed.write(WORKER, f"{folder}/{name}", content)
    made.well("consolidate")
    made.well("compile")
    made.deploys()
    made.well("refresh")
    bed.run("pusher", "mip", "node", "check")
    yield made
    bed.run("pusher", "tmux", "kill-server", check=False)


def typed(bed: Bed, host: str, text: str) -> subprocess.CompletedProcess[str]:
    """By a person in a shell, who leaves a shell on a node again, and presses Ctrl-C."""
    follows = " -f" in text or "--follow" in text
    command = f"timeout --foreground -s INT 15 {text}" if follows else text
    goes = "echo here is $(hostname)\nexit\n" if text.startswith("mip ssh") else None
    return bed.run(host, "bash", "-c", command, input=goes, check=False, timeout=400)


def wrong(fed: Deployed, line: manual.Line) -> str | None:
    """What is not as it should be, when it is typed."""
    host = "pusher" if line.host == "pusher" else WORKER
    ran = typed(fed.bed, host, line.text)
    code, text = 0, expected.shown(line)
    if line.text in expected.BED:
        code, text = expected.BED[line.text]
    if line.host == "node" and line.text in expected.ON_A_NODE:
        code, text = expected.ON_A_NODE[line.text]
    # timeout tells its own code; the program's is told by tests at a terminal
    codes = {code, 124, INTERRUPTED} if "-f" in line.words or "--follow" in line.words else {code}
    said = str(ran.stdout) + str(ran.stderr)
    if ran.returncode in codes and text in said and "Traceback" not in said:
        return None
    return f"{line.text}: {ran.returncode}, not {code} with {text!r}\n{said[-2500:]}"


DECIDE = ("approve", "reject")


def held(fed: Deployed) -> None:
    """The controller, or a guarded refresh, would take a worker's last dataset away."""
    conditions = fed.mip("status").value["conditions"]
    if any(each["type"] == "Held" for each in conditions):
        return
    fed.fill()
    fed.well("refresh")
    for path in fed.bed.path(LAST, "/data/fed1").glob("*/*.csv"):
        path.unlink()
    ran = fed.mip("refresh", "guard=True")
    assert ran.code == 1
    assert ran.value["held"], ran.text


def test_every_line_of_a_node_ends_as_it_should_and_shows_it(fed: Deployed) -> None:
    found = [wrong(fed, line) for line in LINES if line.host == "node"]
    fed.well("start")
    assert not [each for each in found if each], "\n".join(filter(None, found))


def test_every_line_of_the_pusher_ends_as_it_should_and_shows_it(fed: Deployed) -> None:
    found = []
    lines = [line for line in LINES if line.host != "node"]
    for line, after in zip(lines, [*lines[1:], None], strict=True):
        if line.does in DECIDE:
            held(fed)
        found.append(wrong(fed, line))
        if line.does in ("remove", "service remove", "stop", "service stop"):
            fed.well("start")
        decided = line.does in DECIDE and "--dry-run" not in line.words
        if decided or (line.does in DECIDE and (after is None or after.does not in DECIDE)):
            fed.fill()  # nothing is held when the next line is typed
            fed.well("refresh")
    assert not [each for each in found if each], "\n".join(filter(None, found))
