"""The beacon's function, with its process, on a file system whose faults are the kernel's."""

from __future__ import annotations

import errno
import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.beacons import mip_data
from saltext_mip.federation import ENROLLED_FILE, Federation
from saltext_mip.node import data_disk, watch_data
from saltext_mip.node.data_watcher import DataWatcher
from saltext_mip.storage.state import DATA_ACKNOWLEDGED, ENROLMENT, read_state, write_state
from tests.support.fuse import FuseDisk, fuse_disk
from tests.support.waiting import until

WORKER = "fed1-wk-a"


class Minion:
    """A worker whose data are on a disk with faults, its beacon, and whether it reported."""

    def __init__(self, root: Path, disk: FuseDisk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.disk = disk
        self.watcher = DataWatcher(wait=60.0, patience=0.5)
        declared = {
            "nodes": {
                "fed1-ms": {"role": "master", "address": "10.0.0.1"},
                WORKER: {"role": "worker", "address": "10.0.0.2", "data_path": str(disk.path)},
            },
            "reactor": {"settle": 0},
        }
        pillar = {"mip": {"federations": {"fed1": declared}}}
        self.state = Federation.from_pillar("fed1", declared, check=False).state(root)
        opts: dict[str, Any] = {"id": WORKER, "root_dir": str(root), "pillar": pillar}
        monkeypatch.setattr(mip_data, "__opts__", opts, raising=False)
        monkeypatch.setattr(mip_data, "__context__", {}, raising=False)
        monkeypatch.setattr(mip_data, "WATCHER", self.watcher)
        monkeypatch.setattr(mip_data, "SHARE", 1e9)

    def reports(self) -> bool:
        """Whether it reports at this look: nothing has to settle, so a change is reported once."""
        return mip_data.beacon([]) == [{"tag": "fed1"}]

    def gathered(self) -> None:
        """The pusher looked, at what the beacon sees."""
        looks = self.watcher.looks([(self.disk.path, self.state)])
        assert looks is not None
        watch_data.acknowledge(self.state, looks.fingerprints[self.disk.path])


@pytest.fixture
def minion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Minion]:
    files, path = tmp_path / "files", tmp_path / "data"
    path.mkdir()
    (files / "dementia").mkdir(parents=True)
    (files / "dementia" / "edsd.csv").write_text("dataset\nedsd\n")
    (files / ENROLLED_FILE).write_text("")
    with fuse_disk(path, files) as disk:
        made = Minion(tmp_path, disk, monkeypatch)
        write_state(made.state / ENROLMENT, {"data_path": str(path)})
        made.gathered()
        assert not made.reports()
        yield made
        made.watcher.close()


FAULTS: dict[str, dict[str, Any]] = {
    f"{errno.errorcode[number]} {where}": {"error": number, "below": below}
    for number in (errno.ESTALE, errno.EACCES, errno.EIO)
    for where, below in (
        ("on the data path", ""),
        ("on the marker", ENROLLED_FILE),
        ("on a folder", "dementia"),
        ("on a file", "dementia/edsd.csv"),
    )
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_disk_that_fails_is_reported_and_so_is_its_return(
    minion: Minion, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    minion.disk.fault(**fault)
    assert minion.reports()
    minion.gathered()
    assert not minion.reports()
    minion.disk.fault()
    assert minion.reports()
    assert not caplog.records


def test_inode_numbers_that_change_at_each_look_are_no_change(minion: Minion) -> None:
    minion.disk.fault(inodes=True)
    file = minion.disk.path / "dementia" / "edsd.csv"
    assert file.stat().st_ino != file.stat().st_ino
    assert not minion.reports()


def test_same_size_and_mtime_with_another_content_is_a_change(minion: Minion) -> None:
    file = minion.disk.files / "dementia" / "edsd.csv"
    before = file.stat()
    file.write_text("dataset\nppmi\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert minion.reports()


def test_a_disk_that_hangs_holds_up_no_look_and_is_reported(
    minion: Minion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minion.watcher, "_wait", 0.05)
    minion.disk.fault(hang=True)
    assert not minion.reports(), "there is no answer yet, and nobody waits for one"
    monkeypatch.setattr(minion.watcher, "_wait", 60.0)
    assert minion.reports(), "the process says that the disk hangs"
    minion.gathered()
    assert read_state(minion.state / DATA_ACKNOWLEDGED)["mark"] == f"{data_disk.HANGS.mark:032x}"
    assert not minion.reports()
    minion.disk.fault()
    until(minion.reports)


def kill(minion: Minion) -> None:
    process = minion.watcher._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def fill(minion: Minion) -> None:
    (minion.disk.files / "dementia" / "new.csv").write_text("dataset\n")
    minion.state.rename(minion.state.with_name("aside"))
    minion.state.write_text("no folder")


@pytest.mark.parametrize("fault", [kill, fill])
def test_what_the_beacon_needs_itself_and_lacks_is_logged_once(
    minion: Minion, caplog: pytest.LogCaptureFixture, fault: Callable[[Minion], None]
) -> None:
    fault(minion)
    with caplog.at_level(logging.WARNING):
        assert not minion.reports()
        looks = [minion.reports() for _ in range(3)]
    assert len(caplog.records) == 1
    assert not any(looks)


def test_after_its_process_was_killed_it_reports_as_ever(minion: Minion) -> None:
    kill(minion)
    assert not minion.reports()
    (minion.disk.files / "dementia" / "new.csv").write_text("dataset\n")
    assert minion.reports()
