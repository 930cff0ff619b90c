"""Names in a data path that change while they are worked on: nothing outside is read or written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.data import data_path
from saltext_mip.data.csvfile import reader
from saltext_mip.data.database import compiler
from saltext_mip.data.inventory.check import check
from saltext_mip.data.inventory.collect import collect, verify
from saltext_mip.errors import MipError
from saltext_mip.federation import CDE_FILE, DATABASE_FILE
from saltext_mip.node import watch_data
from saltext_mip.storage import beneath, openat2
from saltext_mip.storage.beneath import Folder, LinkRefused
from saltext_mip.transaction import participant
from saltext_mip.transaction.payload import Entry, Place
from tests.support import cdes

pytestmark = pytest.mark.usefixtures("opened_by")

SECRET = b"SECRET"
REPORT = "mip-report-dementia.txt"
CDE = cdes.content(cdes.tree(variables=[cdes.variable("x", "int"), cdes.variable("t")]))
OTHER_CDE = CDE.replace(b'"t"', b'"u"')
CSV = "dataset,x,t\na,1,SECRETVALUE\nSECRETCODE,bad,SECRETVALUE\n"


class World:
    """A hospital's data path, and a folder ``outside`` with a secret under each name of the former.

    What swaps names is what a user with the right to write into the data path can do.
    """

    def __init__(self, root: Path) -> None:
        self.data, self.state = root / "data", root / "state"
        self.outside, self.aside = root / "outside", root / "aside"
        self.folder = self.data / "dementia"
        for path in (self.folder, self.state, self.outside, self.aside):
            path.mkdir(parents=True)
        (self.data / ".mip-data").touch()
        (self.folder / CDE_FILE).write_bytes(CDE)
        for name in ("a.csv", "b.csv"):
            (self.folder / name).write_text(f"dataset,x,t\n{name[0]},1,fine\n")
        (self.folder / "c.csv").write_text("dataset,x,t\nc,bad,fine\n")
        compiler.compile(self.folder, self.state)
        self.collect()
        for name in ("a.csv", "c.csv"):  # there is something to read, and to compile
            (self.folder / name).write_text(f"dataset,x,t\n{name[0]},2,fine\n{name[0]},bad,fine\n")
        (self.outside / "a.csv").write_text(CSV)
        (self.outside / CDE_FILE).write_bytes(CDE.replace(b'"t"', b'"SECRETCOLUMN"'))
        (self.outside / REPORT).write_text("Problems of the data in SECRET")
        with closing(sqlite3.connect(self.outside / DATABASE_FILE)) as db:
            db.execute("CREATE TABLE METADATA (code, label, sql_type, isCategorical)")
            db.execute("CREATE TABLE DATA (dataset, x, t)")
            db.execute("INSERT INTO DATA VALUES ('SECRETCODE', 1, 'SECRETVALUE')")
            db.commit()
        self.before = _content(self.outside)

    @property
    def names(self) -> dict[str, Path]:
        inner = {name: self.folder / name for name in ("a.csv", CDE_FILE, DATABASE_FILE)}
        return {**inner, "dementia": self.folder, REPORT: self.data / REPORT}

    def swap(self, name: str, kind: str) -> Callable[[], None]:
        """Put something else in the place of a name; what is returned puts it back."""
        path, kept = self.names[name], self.aside / name
        with suppress(OSError):
            path.rename(kept)
        target = self.outside if name == "dementia" else self.outside / name
        with suppress(OSError):
            match kind:
                case "link":
                    path.symlink_to(target)
                case "new":
                    path.symlink_to(self.outside / "new")
                case "pipe":
                    os.mkfifo(path)
                case "folder":
                    path.mkdir()

        def back() -> None:
            with suppress(OSError):
                path.unlink() if path.is_symlink() or path.is_fifo() else path.rmdir()
            with suppress(OSError):
                kept.rename(path)

        return back

    # -- what is run meanwhile; each returns what leaves the node, or would be shown

    def collect(self) -> Any:
        found = collect(self.data, self.state, federation="fed1", node="wk")
        return found.wire(0), [repr(file) for of in found.pathologies for file in of.files]

    def verify(self) -> Any:
        cdes_to_come = {"dementia": OTHER_CDE}
        how: dict[str, Any] = {"federation": "fed1", "node": "wk", "cdes": cdes_to_come}
        return repr(verify(self.data, self.state, **how))

    def check(self) -> Any:
        return repr(check(self.folder))

    def compile(self) -> Any:
        with Folder.at(self.data) as home, home.folder("dementia") as folder:
            return repr(compiler.compile(folder, self.state, force=True))

    def scan(self) -> Any:
        return repr(watch_data.scan(self.data, self.state))

    def transaction(self) -> Any:
        place = Place("fed1", "wk", self.state, data_path=self.data)
        for content in (OTHER_CDE, CDE):
            entries = [Entry("cde", "dementia", content)]
            participant.stage(place, "t1", entries)
            participant.commit(place, "t1")
        return None

    def cde(self) -> Any:
        with Folder.at(self.data) as home:
            return data_path.cde_content(home.folder("dementia"))

    def assert_nothing_crossed(self, returned: Any) -> None:
        assert _content(self.outside) == self.before
        assert SECRET.decode() not in repr(returned)
        for root in (self.data, self.state):
            for name, content in _content(root).items():
                assert SECRET not in content, name


OPERATIONS = ("collect", "verify", "check", "compile", "scan", "transaction", "cde")
KINDS = ("link", "new", "pipe", "folder")


def _content(root: Path) -> dict[str, bytes]:
    """Of all regular files below, links not followed."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            with suppress(OSError):
                if path.is_file() and not path.is_symlink():
                    found[str(path.relative_to(root))] = path.read_bytes()
    return found


def _run(world: World, operation: str) -> Any:
    """What it returns; an error of ours, or of the disk, is a proper end."""
    try:
        return getattr(world, operation)()
    except (MipError, OSError) as error:
        return str(error)


def _around_opens(
    monkeypatch: pytest.MonkeyPatch, around: Callable[[Callable[[], int]], int]
) -> None:
    """Have ``around`` called with each opening, whichever system call it is."""
    for module, name in ((os, "open"), (openat2, "openat2")):
        real = getattr(module, name)

        def opening(*args: Any, real: Any = real, **more: Any) -> int:
            return around(lambda: int(real(*args, **more)))

        monkeypatch.setattr(module, name, opening)


class Opens:
    """Calls ``act`` at the ``at``-th opening of a name, and what that returned at the next."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.at = 0, -1
        self.act: Callable[[], Callable[[], None]] = lambda: lambda: None
        self._back: Callable[[], None] | None = None
        _around_opens(monkeypatch, self._around)

    def _around(self, open_: Callable[[], int]) -> int:
        at, self.count = self.count, self.count + 1
        if self._back is not None:
            back, self._back = self._back, None
            back()
        elif at == self.at:
            self._back = self.act()
        return open_()

    def end(self) -> None:
        if self._back is not None:
            self._back()
            self._back = None


@pytest.mark.parametrize("operation", OPERATIONS)
def test_whenever_a_name_is_swapped_nothing_outside_is_read_or_written(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    template = tmp_path / "template"
    World(template)
    opens = Opens(monkeypatch)
    runs = 0
    for name in World(tmp_path / "names").names:
        at = 0
        while True:
            world = World.__new__(World)
            world.__dict__.update(_moved(template, tmp_path / "world"))
            kind = KINDS[runs % len(KINDS)]
            opens.count, opens.at = 0, at
            opens.act = lambda world=world, name=name, kind=kind: world.swap(name, kind)
            returned = _run(world, operation)
            opens.end()
            world.assert_nothing_crossed(returned)
            runs += 1
            at += 1
            if opens.count < at:
                break
    assert runs > len(world.names)


def _moved(template: Path, root: Path) -> dict[str, Any]:
    """A copy of the template as the attributes of a world."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(template, root)
    names = ("data", "state", "outside", "aside")
    paths = {name: root / name for name in names}
    return {**paths, "folder": root / "data/dementia", "before": _content(root / "outside")}


def test_while_names_change_all_the_time_nothing_crosses_and_nothing_crashes(tmp_path: Path):
    world = World(tmp_path)
    done = threading.Event()

    def swapping() -> None:
        while not done.is_set():
            for name in world.names:
                for kind in KINDS:
                    world.swap(name, kind)()

    thread = threading.Thread(target=swapping)
    thread.start()
    try:
        returned = [_run(world, operation) for _ in range(12) for operation in OPERATIONS]
    finally:
        done.set()
        thread.join()
    world.assert_nothing_crossed(returned)


# -- a link that is gone a moment later


@pytest.fixture
def flickering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A name that is a link when it is opened, and a regular file from then on."""
    (tmp_path / "outside").write_bytes(SECRET)
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "a.csv"
    path.symlink_to(tmp_path / "outside")

    def around(open_: Callable[[], int]) -> int:
        try:
            return open_()
        except OSError:
            if path.is_symlink():
                path.unlink()
                path.write_bytes(b"dataset\nx\n")
            raise

    _around_opens(monkeypatch, around)
    return path


def test_a_name_that_was_a_link_when_it_was_opened_is_reported_as_one(flickering: Path):
    with pytest.raises(LinkRefused, match="it was a link a moment ago"):
        beneath.opened(flickering)


def test_a_file_that_was_a_link_when_it_was_read_is_an_unsafe_name(flickering: Path):
    table = reader.read(flickering)
    assert [(of.problem.rule, of.problem.about) for of in table.findings] == [
        ("UnsafeName", "it was a link a moment ago")
    ]
    assert reader.read(flickering).sound


def test_a_folder_that_was_a_link_when_it_was_opened_is_reported_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "a").symlink_to("/etc")

    def around(open_: Callable[[], int]) -> int:
        try:
            return open_()
        except OSError:
            (tmp_path / "a").unlink()
            (tmp_path / "a").mkdir()
            raise

    with Folder.at(tmp_path) as home:
        _around_opens(monkeypatch, around)
        with pytest.raises(LinkRefused, match="it was a link a moment ago"):
            home.folder("a")
