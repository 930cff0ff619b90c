"""What a node says it has, what it reads for that, and what it leaves for its data manager."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from saltext_mip.data import data_path
from saltext_mip.data.cde.model import CdeInvalid, parse, rules_digest
from saltext_mip.data.csvfile import reader
from saltext_mip.data.inventory import collect as inventories
from saltext_mip.data.inventory.check import check
from saltext_mip.data.inventory.collect import collect as look
from saltext_mip.data.inventory.collect import verify
from saltext_mip.errors import DataError
from saltext_mip.federation import CDE_FILE, ENROLLED_FILE
from saltext_mip.problems import Problem
from saltext_mip.storage import state as state_files
from tests.support import cdes
from tests.support.fuse import fuse_disk

CDE = cdes.content(
    cdes.tree(variables=[cdes.variable("age", "int"), cdes.variable("sex", enumerations="mf")])
)
STRICTER = CDE.replace(b'"age"', b'"years"')
LATER = 10**9 * 10**10  # ns: long after anything was written


class Node:
    """A data path with one pathology, our state, and a count of the files that a look reads."""

    def __init__(self, root: Path, monkeypatch) -> None:
        self.data = root / "data"
        self.state = root / "state"
        self.mount = root / "mount"  # where some mount the data path
        self.mount.mkdir()
        self.folder = self.data / "dementia"
        self.folder.mkdir(parents=True)
        self.read: list[str] = []
        real = reader.read_stamped

        def counted(path: Path, **more):
            self.read.append(path.name)
            return real(path, **more)

        monkeypatch.setattr(reader, "read_stamped", counted)

    def write(self, name: str, content: str | bytes, folder: str = "dementia") -> Path:
        path = self.data / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def look(self, **more) -> inventories.Inventory:
        self.read.clear()
        more.setdefault("now", lambda: LATER)
        return look(self.data, self.state, federation="fed1", node="wk", **more)

    def verify(self, cde: bytes, pathology: str = "dementia"):
        self.read.clear()
        return verify(
            self.data,
            self.state,
            federation="fed1",
            node="wk",
            cdes={pathology: cde},
            now=lambda: LATER,
        )

    @property
    def report(self) -> Path:
        return self.data / "mip-report-dementia.txt"


@pytest.fixture
def node(tmp_path, monkeypatch):
    return Node(tmp_path, monkeypatch)


def rules(problems) -> list[str]:
    return [problem.rule for problem in problems]


def files_of(inventory, pathology: str = "dementia"):
    (record,) = [record for record in inventory.pathologies if record.name == pathology]
    return {file.name: file for file in record.files}


def test_pathologies_and_files_are_told_in_the_order_of_code_points(node):
    for name in ("b.csv", "a.csv", "B.csv", "é.csv", "a b.csv", "$(touch x);`id`{{ 1 }}.csv"):
        node.write(name, f"dataset,age\nx,{len(list(node.folder.iterdir()))}\n")
    node.write("x.csv", "dataset\nx\n", folder="Ataxia")
    found = node.look()
    assert [record.name for record in found.pathologies] == ["Ataxia", "dementia"]
    names = list(files_of(found))
    assert names == sorted(names)
    assert len(names) == 6
    assert all(file.sound for file in files_of(found).values())


def test_only_csv_files_that_are_direct_children_are_data(node):
    node.write("good.csv", "dataset\nx\n")
    for name in (".hidden.csv", "upper.CSV", "notes.txt", "csv", "x.csv.bak", CDE_FILE + "~"):
        node.write(name, "dataset\nx\n")
    (node.folder / "below").mkdir()
    (node.folder / "below" / "deep.csv").write_text("dataset\nx\n")
    node.write("x.csv", "dataset\nx\n", folder=".hidden")
    node.write("mip-report-old.txt", "", folder=".")
    node.write("top.csv", "dataset\nx\n", folder=".")
    found = node.look()
    assert [record.name for record in found.pathologies] == ["dementia"]
    assert list(files_of(found)) == ["good.csv"]
    assert [(problem.rule, problem.file) for problem in found.problems] == [
        ("NotAFolder", "top.csv")
    ]


def test_a_pipe_is_a_problem_and_not_waited_for(node):
    os.mkfifo(node.folder / "pipe.csv")
    assert rules(files_of(node.look())["pipe.csv"].problems) == ["Unreadable"]


def test_what_is_no_file_is_a_problem_and_not_opened(node, monkeypatch):
    """A socket, a folder; and for root a device, which would never end."""
    monkeypatch.chdir(node.folder)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.csv")
    (node.folder / "folder.csv").mkdir()
    names = ["folder.csv", "socket.csv"]
    if os.geteuid() == 0:
        os.mknod("device.csv", stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero
        names.append("device.csv")
    node.write("good.csv", "dataset\nx\n")
    files = files_of(node.look())
    assert files["good.csv"].sound
    for name in names:
        found = files.get(name)
        assert found is None or rules(found.problems) == ["Unreadable"]
    assert {"socket.csv", *names[2:]} <= files.keys()


@pytest.mark.usefixtures("opened_by")
def test_odd_names_and_links_that_lead_out_are_problems_and_not_read(node, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.csv").write_text("dataset\nx\n")
    node.write("good.csv", "dataset\nx\n")
    (node.folder / "inner.csv").symlink_to("good.csv")
    (node.folder / "outer.csv").symlink_to(outside / "x.csv")
    (node.folder / "gone.csv").symlink_to("nowhere.csv")
    (node.data / "linked").symlink_to(outside)
    (node.data / "alias").symlink_to("dementia")
    (node.data / "unmounted").symlink_to("nowhere")
    node.write("bad\x1b[2J\n.csv", "dataset\nx\n")
    Path(os.fsdecode(os.fsencode(node.folder) + b"/\xff.csv")).write_text("dataset\nx\n")
    found = node.look()
    assert [record.name for record in found.pathologies] == ["alias", "dementia", "unmounted"]
    assert {name: rules(file.problems) for name, file in files_of(found).items()} == {
        "gone.csv": ["Unreadable"],
        "good.csv": [],
        "inner.csv": ["DuplicateFile"],
    }
    assert [(problem.rule, problem.pathology) for problem in found.problems] == [
        ("UnsafeName", "linked")
    ]
    assert rules(found.pathologies[2].problems) == ["Unreadable"]
    problems = found.pathologies[1].problems
    assert {(problem.rule, problem.file) for problem in problems} == {
        ("UnsafeName", "outer.csv"),
        ("UnsafeName", "bad\\x1b[2J\\x0a.csv"),
        ("UnsafeName", "\\udcff.csv"),
    }


def test_what_did_not_change_is_not_read_again(node):
    first = node.write("first.csv", "dataset\nx\n")
    node.write("second.csv", "dataset\nx\n")
    before = node.look()
    assert node.read == ["first.csv", "second.csv"]
    assert node.look() == before
    assert node.read == []
    first.write_text("dataset\ny\n")
    assert files_of(node.look())["first.csv"].datasets == (("y", 1),)
    assert node.read == ["first.csv"]


def test_a_file_that_only_moved_into_the_place_of_another_is_read(node):
    path = node.write("first.csv", "dataset\nx\n")
    node.look()
    status = path.stat()
    other = node.write("other", "dataset\ny\n")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)
    assert files_of(node.look())["first.csv"].datasets == (("y", 1),)


def test_a_file_of_the_same_size_and_mtime_with_another_content_is_read(node):
    path = node.write("some.csv", "dataset\nx\n")
    status = path.stat()
    node.look()
    path.write_text("dataset\ny\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert files_of(node.look())["some.csv"].datasets == (("y", 1),)


@pytest.mark.parametrize(
    ("fraction", "age", "again"),
    [(1, 10**9, 0), (1, 10**7, 1), (0, 10**9, 1), (0, 3 * 10**9, 0)],
)
def test_a_file_written_just_before_the_look_is_read_again(node, fraction, age, again):
    path = node.write("some.csv", "dataset\nx\n")
    os.utime(path, ns=(5 * 10**9 + fraction, 5 * 10**9 + fraction))
    now = path.stat().st_ctime_ns + age
    node.look(now=lambda: now)
    node.look(now=lambda: now)
    assert len(node.read) == again


def test_a_file_that_is_open_for_writing_is_read_when_it_is_closed(node):
    with node.write("some.csv", "").open("w") as upload:
        upload.write("dataset\nx\n")
        upload.flush()
        record = files_of(node.look())["some.csv"]
        assert (rules(record.problems), record.sound, record.datasets) == (["FileOpen"], False, ())
    assert files_of(node.look())["some.csv"].datasets == (("x", 1),)


FAILURES = [errno.ESTALE, errno.EACCES, errno.EIO]


@pytest.mark.parametrize("error", FAILURES, ids=errno.errorcode.get)
@pytest.mark.parametrize("below", ["", ENROLLED_FILE])
def test_a_disk_that_fails_is_unreadable_and_not_gone(node, error, below):
    node.write("some.csv", "dataset\nx\n")
    node.write(ENROLLED_FILE, "", folder=".")
    state_files.write_state(node.state / "enrolled.json", {"data_path": str(node.mount)})
    with fuse_disk(node.mount, node.data) as disk:
        disk.fault(error=error, below=below)
        found = look(node.mount, node.state, federation="fed1", node="wk")
        assert (found.status, found.pathologies) == ("Unreadable", ())
        assert found.absence == Problem("Unreadable", node="wk", about=os.strerror(error))
        with pytest.raises(data_path.DataPathUnreadable, match=os.strerror(error)):
            data_path.check(node.mount, node.state, node="wk")
        disk.fault()
        found = look(node.mount, node.state, federation="fed1", node="wk")
        assert (found.status, list(files_of(found))) == ("ok", ["some.csv"])


@pytest.mark.parametrize("error", FAILURES, ids=errno.errorcode.get)
def test_a_folder_that_fails_is_unreadable_beside_one_that_does_not(node, error):
    node.write("some.csv", "dataset\nx\n")
    node.write("other.csv", "dataset\ny\n", folder="tbi")
    with fuse_disk(node.mount, node.data) as disk:
        disk.fault(error=error, below="dementia")
        found = look(node.mount, node.state, federation="fed1", node="wk")
    failed, fine = found.pathologies
    assert (rules(failed.problems), failed.unknown, failed.cde_problem) == (
        ["Unreadable"],
        "Unreadable",
        None,
    )
    assert (fine.unknown, list(files_of(found, "tbi"))) == (None, ["other.csv"])


def test_a_file_whose_inode_number_changes_at_each_look_is_read_once(node):
    path = node.write("some.csv", "dataset\nx\n")
    os.utime(path, (5, 5.5))
    with fuse_disk(node.mount, node.data) as disk:
        disk.fault(inodes=True)
        for reads in (["some.csv"], []):
            node.read.clear()
            look(node.mount, node.state, federation="fed1", node="wk", now=lambda: LATER)
            assert node.read == reads


def test_a_file_of_a_clock_that_goes_ahead_is_read_twice_and_not_for_ever(node):
    path = node.write("some.csv", "dataset\nx\n")
    os.utime(path, ns=(LATER, LATER))
    for seconds, read in ((0, 1), (1, 1), (4, 1), (5, 0), (6, 0)):
        node.look(now=lambda seconds=seconds: seconds * 10**9)
        assert len(node.read) == read


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"by": 1}', b"\xff", b'{"files": {"a": 1}}']
)
def test_a_broken_memory_is_forgotten(node, content):
    node.write("some.csv", "dataset\nx\n")
    before = node.look()
    (node.state / "inventory.json").write_bytes(content)
    assert node.look() == before
    assert node.read == ["some.csv"]


def test_a_memory_that_lacks_anything_is_forgotten(node):
    node.write("some.csv", "dataset\nx,1\n")
    node.write(CDE_FILE, CDE)
    before = node.look()
    path = node.state / "inventory.json"
    whole = json.loads(path.read_text())

    def keys(value, at=()):
        if isinstance(value, dict) and "rule" not in value:
            for key, below in value.items():
                yield (*at, key)
                yield from keys(below, (*at, key))
        elif isinstance(value, list):
            for number, below in enumerate(value):
                yield from keys(below, (*at, number))

    for *parents, last in list(keys(whole)):
        broken = json.loads(json.dumps(whole))
        below = broken
        for key in parents:
            below = below[key]
        del below[last]
        path.write_text(json.dumps(broken))
        assert node.look() == before, (parents, last)


def test_the_memory_is_for_nobody_elses_eyes(node):
    node.write("some.csv", "dataset\nx,secret\n")
    node.look()
    assert (node.state / "inventory.json").stat().st_mode & 0o777 == 0o600
    assert node.state.stat().st_mode & 0o777 == 0o700


def test_files_are_verified_against_the_cde_of_their_folder_once(node):
    node.write("good.csv", "dataset,age\nx,1\n")
    node.write("bad.csv", "dataset,nonsense\nx,1\n")
    node.write(CDE_FILE, CDE)
    digest = rules_digest(parse(CDE, pathology="dementia"), subjectcode=False)
    found = node.look()
    files = files_of(found)
    assert {name: rules(file.verified[digest]) for name, file in files.items()} == {
        "good.csv": [],
        "bad.csv": ["UnknownColumn"],
    }
    assert rules(files["bad.csv"].all_problems) == ["UnknownColumn"]
    assert found.pathologies[0].cde == parse(CDE, pathology="dementia").sha256
    assert node.look() == found


def test_without_depth_nothing_is_verified_or_reported(node):
    node.write("bad.csv", "dataset,nonsense\nx,1\n")
    node.write(CDE_FILE, CDE)
    assert files_of(node.look(deep=False))["bad.csv"].verified == {}
    assert not node.report.exists()


def test_a_cde_that_is_none_is_a_problem_that_names_the_place(node):
    node.write("good.csv", "dataset,age\nx,1\n")
    node.write(CDE_FILE, b"{\n oops")
    for _ in range(2):
        (record,) = node.look().pathologies
        assert record.cde_problem.rule == "CdeInvalid"
        assert "line 2" in record.cde_problem.about
        assert record.files[0].verified == {}


@pytest.mark.usefixtures("opened_by")
def test_a_cde_that_is_no_file_or_leads_out_is_a_problem_and_not_read(node, tmp_path):
    node.write("good.csv", "dataset,age\nx,1\n")
    outside = tmp_path / "outside.json"
    outside.write_bytes(CDE)
    for make, rule in (
        (os.mkfifo, "Unreadable"),
        (os.mkdir, "Unreadable"),
        (lambda path: path.symlink_to(outside), "UnsafeName"),
    ):
        path = node.folder / CDE_FILE
        make(path)
        (record,) = node.look().pathologies
        assert (record.cde, record.cde_problem.rule) == (None, rule)
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


def test_files_are_verified_against_a_cde_that_is_to_come(node):
    node.write("some.csv", "dataset,age\nx,1\n")
    node.write("broken.csv", "dataset,age\nx\n")
    node.write(CDE_FILE, CDE)
    node.look()
    found = node.verify(STRICTER)
    assert {name: rules(problems) for name, problems in found["dementia"].items()} == {
        "some.csv": ["UnknownColumn"]
    }
    assert node.read == []
    assert "UnknownColumn" in node.report.read_text()
    before = node.report.stat().st_mtime_ns
    node.look()
    assert node.report.stat().st_mtime_ns == before, "the report must not go back and forth"
    node.write(CDE_FILE, CDE + b"\n")
    node.look()
    assert "UnknownColumn" not in node.report.read_text()


def test_a_new_pathology_is_verified_before_its_cde_is_there(node):
    node.write("some.csv", "dataset,nonsense\nx,1\n")
    assert node.look().pathologies[0].cde is None
    assert rules(node.verify(CDE)["dementia"]["some.csv"]) == ["UnknownColumn"]
    assert "nonsense" in node.report.read_text()


def test_a_cde_to_come_that_cannot_be_used_is_an_error(node):
    with pytest.raises(CdeInvalid):
        node.verify(b"{}")


def test_a_disk_that_is_gone_is_no_empty_inventory(node):
    node.write("some.csv", "dataset\nx\n")
    node.state.mkdir(mode=0o700)
    (node.state / "enrolled.json").write_text(json.dumps({"data_path": str(node.data)}))
    assert node.look().status == "MountGone"
    node.write(ENROLLED_FILE, "", folder=".")
    found = node.look()
    assert (found.status, found.enrolled, len(found.pathologies)) == ("ok", True, 1)
    shutil.rmtree(node.data)
    assert node.look().status == "MountGone"
    assert node.verify(CDE) == {}


def test_a_data_path_that_is_not_there_is_told(node):
    shutil.rmtree(node.data)
    found = node.look()
    assert (found.status, rules(found.problems)) == ("NoDataPath", ["NoDataPath"])


def test_a_folder_without_files_is_told(node):
    assert rules(node.look().pathologies[0].problems) == ["NoData"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_not_an_empty_one(node):
    node.folder.chmod(0)
    (problem,) = node.look().pathologies[0].problems
    node.folder.chmod(0o700)
    assert (problem.rule, problem.file, problem.hard) == ("Unreadable", None, True)


def test_the_report_has_the_values_and_nothing_else_has(node):
    node.write("some.csv", "dataset,age\nx,1,Smith\x1b[2J\n")
    found = node.look()
    text = node.report.read_text()
    assert "Smith\\x1b[2J" in text
    assert "line 2: x,1,Smith" in text
    assert node.report.stat().st_mode & 0o777 == 0o640
    assert "Smith" not in json.dumps(found.wire(10))
    assert "Smith" not in repr(found)


def test_the_report_is_written_when_it_changes_and_goes_when_all_is_well(node):
    node.write("some.csv", "dataset\nx,1\n")
    node.look()
    before = node.report.stat()
    node.look()
    assert node.report.stat() == before
    node.write("some.csv", "dataset\nxy\n")
    node.look()
    assert not node.report.exists()


def test_the_report_of_a_pathology_that_is_gone_goes_and_no_other_file(node):
    node.write("some.csv", "dataset\nx,1\n")
    node.look()
    ours = node.data / "mip-report-mine.txt"
    ours.write_text("notes of a data manager")
    shutil.rmtree(node.folder)
    node.look()
    assert not node.report.exists()
    assert ours.exists()


@pytest.mark.usefixtures("opened_by")
def test_where_no_report_can_be_written_the_rest_goes_on(node, tmp_path):
    node.write("some.csv", "dataset\nx,1\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    node.report.symlink_to(elsewhere)
    found = node.look()
    assert rules(found.problems) == ["ReportUnwritten"]
    assert elsewhere.read_text() == "precious"
    assert list(files_of(found)) == ["some.csv"]


def test_a_pathology_with_the_longest_name_has_a_report(node):
    name = "x" * 255
    node.write("some.csv", "dataset\nx,1\n", folder=name)
    assert node.look().problems == ()
    assert len(list(node.data.glob("mip-report-*.txt"))) == 1


def test_check_tells_a_data_manager_all_that_is_wrong_with_values(node):
    node.write("some.csv", "dataset,age\nx\nx,1,2\n")
    node.write("other.csv", "dataset,nonsense\nx,1\n")
    node.write(CDE_FILE, CDE)
    found = check(node.folder).all_findings
    assert [(f.problem.pathology, f.problem.file, f.problem.rule) for f in found] == [
        ("dementia", "other.csv", "UnknownColumn"),
        ("dementia", "some.csv", "TooFewFields"),
        ("dementia", "some.csv", "TooManyFields"),
    ]
    assert found[1].examples == ((2, "x"),)
    assert not node.state.exists()
    assert not node.report.exists()


def test_check_takes_another_cde(node, tmp_path):
    node.write("some.csv", "dataset,age\nx,1\n")
    other = tmp_path / "other.json"
    other.write_bytes(STRICTER)
    assert rules(f.problem for f in check(node.folder, other).all_findings) == ["UnknownColumn"]
    other.write_bytes(b"{}")
    found = check(node.folder, other).all_findings
    assert [(f.problem.rule, f.problem.about) for f in found] == [
        ("CdeInvalid", "at the root: a group lacks 'code'. Add 'code'."),
        ("CdeInvalid", "at the root: a group lacks 'label'. Add 'label'."),
        (
            "CdeInvalid",
            "at the root: it has no variable 'dataset'. Give the root's own variables a variable"
            " 'dataset' with sql_type 'text'.",
        ),
    ]


def test_check_of_what_is_not_there_is_an_error(node, tmp_path):
    with pytest.raises(DataError):
        check(tmp_path / "nowhere")
    with pytest.raises(DataError):
        check(node.folder, tmp_path / "nowhere.json")


@pytest.mark.parametrize("then", ["dataset,age,sex\nedsd,7\n", "dataset,age,sex\n1,2,3,4,5\n", '"'])
def test_a_file_that_is_written_between_look_and_verification_is_changing(
    tmp_path, monkeypatch, then: str
):
    node = Node(tmp_path, monkeypatch)
    node.write(CDE_FILE, CDE)
    path = node.write("a.csv", "dataset,age,sex\nedsd,70,m\n")
    read = reader.read_stamped

    def and_write(path_: Path, **more):
        found = read(path_, **more)
        path.write_text(then)
        return found

    monkeypatch.setattr(reader, "read_stamped", and_write)
    (record,) = node.look().pathologies[0].files
    (found,) = record.verified.values()
    assert [problem.rule for problem in found] == ["FileChanging"]
