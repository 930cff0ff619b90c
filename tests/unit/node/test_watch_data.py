"""What the beacon says of a data path, and when: real files, and a clock of our own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from saltext_mip.data import data_path
from saltext_mip.federation import ENROLLED_FILE
from saltext_mip.node import watch_data
from saltext_mip.node.reminders import Fingerprint, Reminder, Timers, step
from saltext_mip.storage.state import DATA_ACKNOWLEDGED, DATA_REMINDER
from tests.unit.node.conftest import Contexts

SETTLE, RESYNC, INTERVAL = 30.0, 900.0, 5.0
NOW = 1_800_000_000.0


class Node:
    """A worker's folders, and its beacon under a clock that moves by :meth:`look` alone."""

    def __init__(self, root: Path) -> None:
        self.data, self.state = root / "data", root / "state"
        self.data.mkdir()
        self.now = time.time() + 1000  # what is written now is old

    def write(self, name: str, text: str = "dataset\na\n") -> Path:
        path = self.data / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def look(self, seconds: float = INTERVAL) -> bool:
        self.now += seconds
        observed = watch_data.scan(self.data, self.state)
        return watch_data.report_due(
            self.state, observed, Timers(SETTLE, RESYNC, INTERVAL), self.now
        )

    def said(self, looks: int = 8) -> int:
        return sum(self.look() for _ in range(looks))

    def gathered(self) -> None:
        watch_data.acknowledge(self.state, watch_data.scan(self.data, self.state))


@pytest.fixture
def node(tmp_path: Path) -> Node:
    made = Node(tmp_path)
    made.write("dementia/edsd.csv")
    made.write("dementia/CDEsMetadata.json", "{}")
    made.gathered()
    return made


def test_what_the_pusher_has_seen_is_no_news_for_an_hour(node: Node) -> None:
    assert node.said(int(3600 / INTERVAL)) == 0


CHANGES: dict[str, Callable[[Node], object]] = {
    "added": lambda node: node.write("dementia/new.csv"),
    "changed": lambda node: node.write("dementia/edsd.csv", "dataset\nb\nb\n"),
    "touched": lambda node: os.utime(node.data / "dementia/edsd.csv", (1, 1)),
    "removed": lambda node: (node.data / "dementia/edsd.csv").unlink(),
    "renamed": lambda node: (node.data / "dementia/edsd.csv").rename(node.data / "dementia/x.csv"),
    "a CDE": lambda node: node.write("dementia/CDEsMetadata.json", "{ }"),
    "a folder": lambda node: (node.data / "dementia").rename(node.data / "epilepsy"),
    "a new folder": lambda node: node.write("tbi/a.csv"),
    "no data path": lambda node: node.data.rename(node.data.with_name("elsewhere")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_news_once_it_has_settled(node: Node, change: Callable[[Node], object]) -> None:
    change(node)
    assert not node.look()
    assert node.said(7) == 1


OTHERS: dict[str, Callable[[Node], object]] = {
    "a report": lambda node: (node.data / "mip-report-dementia.txt").write_text("x"),
    "a database": lambda node: node.write("dementia/datasets.db"),
    "a hidden file": lambda node: node.write("dementia/.edsd.csv.Xy12"),
    "ours on its way": lambda node: node.write("dementia/.datasets.db.mip-0123456789abcdef"),
    "the mark of the data path": lambda node: (node.data / ENROLLED_FILE).write_text("x"),
    "a text": lambda node: node.write("dementia/readme.txt"),
    "a hidden folder": lambda node: node.write(".snapshot/a.csv"),
    "an empty folder": lambda node: (node.data / "epilepsy").mkdir(),
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_what_is_no_data_is_no_news(node: Node, change: Callable[[Node], object]) -> None:
    change(node)
    assert node.said(100) == 0


def test_what_is_changed_and_put_back_is_no_news(node: Node) -> None:
    aside = node.data / "aside"
    (node.data / "dementia").rename(aside)
    assert not node.look()
    aside.rename(node.data / "dementia")
    assert node.said(100) == 0


def test_a_copy_in_pieces_is_told_when_it_is_whole(node: Node) -> None:
    for piece in range(40):
        node.write("dementia/new.csv", "dataset\n" + "a\n" * piece)
        assert not node.look()
    assert node.said(7) == 1


def test_it_is_said_again_ever_more_rarely_until_the_pusher_has_looked(node: Node) -> None:
    node.write("dementia/new.csv")
    times = [nth * INTERVAL for nth in range(2000) if node.look()]
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert pauses[:6] == [30, 60, 120, 240, 480, 900]
    assert set(pauses[6:]) == {900}
    node.gathered()
    assert node.said(400) == 0


def test_an_upload_that_pauses_is_news_once_it_is_closed(node: Node) -> None:
    node.now = time.time()
    with (node.data / "dementia/new.csv").open("w") as upload:
        upload.write("dataset\nhalf\n")
        upload.flush()
        assert node.said(100) == 0
    assert node.said(8) == 1


def test_a_file_that_stays_open_is_named_after_ten_minutes(node: Node) -> None:
    now = time.time()
    with (node.data / "dementia/new.csv").open("w"):
        assert watch_data.open_for_long(node.data, now) == {}
        assert watch_data.open_for_long(node.data, now + 700) == {"dementia": ["new.csv"]}
    assert watch_data.open_for_long(node.data, now + 700) == {}


def test_same_size_and_mtime_with_another_content_is_news(node: Node) -> None:
    path = node.data / "dementia/edsd.csv"
    before = path.stat()
    path.write_text("dataset\nb\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert node.said() == 1


def test_a_change_after_a_change_settles_anew(node: Node) -> None:
    node.write("dementia/new.csv")
    node.said(200)
    node.write("dementia/new.csv", "dataset\nmore\n")
    assert not node.look()
    assert node.said(7) == 1


def test_a_change_that_the_gather_did_not_see_stays_news(node: Node) -> None:
    seen = watch_data.scan(node.data, node.state)
    node.write("dementia/new.csv")
    watch_data.acknowledge(node.state, seen)
    assert node.said() == 1


def test_what_we_write_ourselves_is_no_news(node: Node) -> None:
    with watch_data.own_changes(node.data, node.state):
        node.write("dementia/CDEsMetadata.json", "{ ours }")
        node.write("tbi/CDEsMetadata.json", "{ new }")
    assert node.said(100) == 0


def test_what_we_write_hides_no_change_of_others(node: Node) -> None:
    with watch_data.own_changes(node.data, node.state):
        node.write("dementia/CDEsMetadata.json", "{ ours }")
        node.write("dementia/new.csv")
    assert node.said() == 1


def test_what_we_write_beside_news_leaves_them_news(node: Node) -> None:
    node.write("dementia/new.csv")
    with watch_data.own_changes(node.data, node.state):
        node.write("dementia/CDEsMetadata.json", "{ ours }")
    assert node.said() == 1


def test_a_write_of_ours_that_fails_is_noted_as_far_as_it_came(node: Node) -> None:
    def written() -> None:
        with watch_data.own_changes(node.data, node.state):
            node.write("dementia/CDEsMetadata.json", "{ ours }")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        written()
    assert node.said(100) == 0


def test_a_disk_that_goes_is_news_and_so_is_its_return(node: Node) -> None:
    data_path.enrol(node.data, node.state, federation="fed1")
    away = node.data.with_name("away")
    node.data.rename(away)
    node.data.mkdir()
    assert node.said(8) == 1
    node.gathered()
    assert node.said(100) == 0
    node.data.rmdir()
    away.rename(node.data)
    assert node.said(8) == 1


def test_a_disk_that_is_away_for_a_moment_is_no_news(node: Node) -> None:
    data_path.enrol(node.data, node.state, federation="fed1")
    (node.data / ENROLLED_FILE).rename(node.data / ".aside")
    assert not node.look()
    (node.data / ".aside").rename(node.data / ENROLLED_FILE)
    assert node.said(100) == 0


def test_a_restart_repeats_nothing_and_loses_nothing(node: Node) -> None:
    node.write("dementia/new.csv")
    assert node.said(8) == 1
    again = Node.__new__(Node)  # all that it knows is on disk
    again.data, again.state, again.now = node.data, node.state, node.now
    assert again.said(3) == 0
    assert again.said(8) == 1


def test_where_nobody_ever_looked_data_is_news_and_emptiness_is_not(tmp_path: Path) -> None:
    node = Node(tmp_path)
    assert node.said(100) == 0
    node.write("dementia/edsd.csv")
    assert node.said(8) == 1


@pytest.mark.parametrize("name", [DATA_ACKNOWLEDGED, DATA_REMINDER])
@pytest.mark.parametrize("content", [b"", b"[1]", b'{"mark": "no"}', b"\xff"])
def test_a_broken_memory_is_one_look_too_many_at_the_most(
    node: Node, name: str, content: bytes
) -> None:
    (node.state / name).write_bytes(content)
    assert node.said(8) <= 1
    node.gathered()
    assert node.said(100) == 0


@pytest.mark.usefixtures("opened_by")
def test_files_that_cannot_be_read_are_something_of_their_own(node: Node) -> None:
    (node.data / "loop").symlink_to("loop")
    (node.data / "dementia" / "gone.csv").symlink_to("nowhere")
    assert node.said(8) == 1
    node.gathered()
    assert node.said(100) == 0
    node.write("dementia/edsd.csv", "beside it\n")
    assert node.said(8) == 1


@pytest.mark.parametrize(
    ("age", "due"),
    [(0.0, SETTLE), (2.0, SETTLE - 2), (1000.0, SETTLE - INTERVAL), (-1000.0, SETTLE)],
)
def test_settling_counts_from_the_change_as_far_as_it_can_be_known(age: float, due: float) -> None:
    clocks = {"settle": SETTLE, "resync": RESYNC, "interval": INTERVAL}
    found, say = step(None, Fingerprint(7, NOW - age), 0, NOW, **clocks)
    assert found is not None
    assert (found.due - NOW, say) == (due, False)


def test_a_clock_that_is_put_back_holds_nothing_up() -> None:
    clocks = {"settle": SETTLE, "resync": RESYNC, "interval": INTERVAL}
    late = Reminder(7, NOW + 86400, 3, NOW + 86400)
    found, _ = step(late, Fingerprint(7), 0, NOW, **clocks)
    assert found is not None
    assert found.due == NOW + SETTLE


def test_settling_is_what_is_new_and_young(node: Node) -> None:
    now = time.time()

    def settling() -> bool:
        return watch_data.settling(node.state, watch_data.scan(node.data, node.state), SETTLE, now)

    assert not settling()
    node.write("dementia/new.csv")
    assert settling()
    now += SETTLE + 1
    assert not settling()


@pytest.mark.parametrize(
    ("settle", "data", "services"),
    [(30, 5.0, 30.0), (2, 1.0, 5.0), (600, 5.0, 30.0), (12, 2.4, 12)],
)
def test_beacons_look_as_often_as_data_settle(
    context_of: Contexts, settle: float, data: float, services: float
) -> None:
    context = context_of("fed1-ms", reactor={"settle": settle})
    assert watch_data.beacon_intervals(context) == {"mip_data": data, "mip_services": services}
    worker = context_of("fed1-wk-b", reactor={"settle": settle})
    assert watch_data.beacon_intervals(worker) == {"mip_data": data}
