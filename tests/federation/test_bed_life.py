"""How a bed comes and goes: nothing of it is left, also when whoever made it was killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bed import Bed, BedUnavailable, Layout, cleanup, machine
from tests.support.bed.layout import CHECKOUT
from tests.support.bed.processes import marked_processes
from tests.support.bed.wait import until

LAYOUT = Layout(Path("/var/lib/mip-bed-life"))


@pytest.fixture
def layout() -> Iterator[Layout]:
    """A place for a bed of one's own."""
    try:
        machine.require()
    except BedUnavailable as unavailable:
        pytest.skip(f"no bed: {unavailable}")
    Bed.remove(LAYOUT)
    yield LAYOUT
    Bed.remove(LAYOUT)


def machine_view() -> dict[str, object]:
    """What a bed must not change of the machine: mounts, interfaces, firewall, accounts."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout
    return {
        "mounts": Path("/proc/self/mounts").read_text(),
        "interfaces": sorted(os.listdir("/sys/class/net")),
        "firewall": [line for line in rules.splitlines() if line[:1] not in "#:"],
        "accounts": Path("/etc/passwd").read_text(),
        "forwarding": Path("/proc/sys/net/ipv4/ip_forward").read_text(),
    }


def namespaces(pids: list[int]) -> set[str]:
    """The network namespaces of these processes, as the kernel names them."""
    found = set()
    for pid in pids:
        # it ended meanwhile, or is the machine's first process, which shows nobody its own
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            found.add(str(Path(f"/proc/{pid}/ns/net").readlink()))
    return found


def living_namespaces() -> set[str]:
    return namespaces([int(entry) for entry in os.listdir("/proc") if entry.isdigit()])


def test_a_bed_changes_nothing_of_the_machine_and_leaves_nothing(layout: Layout) -> None:
    before = machine_view()
    bed = Bed.up(workers=1, layout=layout)
    assert machine_view() == before
    used = namespaces(marked_processes(layout.root)) - namespaces([os.getpid()])
    assert len(used) == len(bed.hosts) + 1, "one a host, and the bridge's"
    bed.docker("fed1-wk-h1").containers.run(
        "hbpmip/exareme:24.3.0", entrypoint=["sleep", "1000"], detach=True
    )
    assert cleanup.left(layout)

    bed.down()

    assert cleanup.left(layout) == []
    assert machine_view() == before
    assert not used & living_namespaces()


def test_a_new_bed_takes_away_what_a_killed_one_left(layout: Layout) -> None:
    maker = subprocess.Popen(
        [sys.executable, "-m", "tests.support.bed", "up", "--workers", "1"],
        env={**os.environ, "MIP_BED_ROOT": str(layout.root)},
        cwd=CHECKOUT,
        stderr=subprocess.DEVNULL,
    )
    # in the middle: every host is on, not all of them ready
    until(
        lambda: sum(1 for _ in layout.root.glob("hosts/*/run/pid")) == 4,
        seconds=60,
        what="the hosts",
    )
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    # a number may be another's by then; a handle is readable when its process has ended
    old = [os.pidfd_open(pid) for pid in marked_processes(layout.root)]
    assert len(old) > 4

    bed = Bed.up(workers=1, layout=layout)

    for handle in old:
        assert select.select([handle], [], [], 0)[0] == [handle]
        os.close(handle)
    assert bed.run("fed1-wk-h1", "hostname").stdout == "fed1-wk-h1\n"
    bed.down()
    assert cleanup.left(layout) == []


def test_a_folder_that_no_bed_made_is_left_alone(layout: Layout) -> None:
    layout.root.mkdir()
    (layout.root / "somebody's").touch()
    try:
        cleanup.clean(layout)
        assert (layout.root / "somebody's").exists()
    finally:
        (layout.root / "somebody's").unlink()
        layout.root.rmdir()
