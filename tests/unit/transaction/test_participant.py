"""A node writes everything beside its place, then renames, or drops it."""

from __future__ import annotations

import gc
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from saltext_mip import wire
from saltext_mip.data import data_path
from saltext_mip.errors import BadAnswer, UnsafeName
from saltext_mip.federation import CDE_FILE, DATABASE_FILE, ENROLLED_FILE
from saltext_mip.storage import atomic, beneath
from saltext_mip.storage.beneath import Where
from saltext_mip.storage.state import STAGED
from saltext_mip.transaction import participant
from saltext_mip.transaction.file_ops import NoPlace
from saltext_mip.transaction.participant import abort, commit, stage
from saltext_mip.transaction.payload import Entry, Payload, pack, unpack
from tests.support.places import Places, rowless

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def cde(content: bytes = b"new", pathology: str = "dementia") -> Entry:
    return Entry("cde", pathology, content)


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_staging_changes_nothing_and_committing_everything(places: Places):
    ms = places.place("ms")
    staged = stage(ms, "t1", [cde(), cde(b"other", "other")], database=rowless)
    assert staged == (places.path("ms", "dementia"), places.data("ms") / "other")
    assert places.has("ms", "dementia") == b"old dementia\n"
    assert not (places.data("ms") / "other").exists()
    assert len(commit(ms, "t1")) == 2
    assert places.has("ms", "dementia") == b"new"
    assert places.has("ms", "other") == b"other"
    assert places.leftovers() == []


def test_committing_again_changes_nothing(places: Places):
    ms = places.place("ms")
    stage(ms, "t1", [cde()])
    commit(ms, "t1")
    before = places.snapshot()
    assert commit(ms, "t1") == ()
    assert places.snapshot() == before


def test_aborting_leaves_no_trace(places: Places):
    ms = places.place("ms")
    before = listing(places.data("ms").parent)
    stage(ms, "t1", [cde(), cde(b"other", "other")], database=rowless)
    assert abort(ms, "t1") is True
    assert abort(ms, "t1") is False
    assert listing(places.data("ms").parent) == before
    with pytest.raises(participant.NotStaged):
        commit(ms, "t1")


def test_what_is_committed_cannot_be_aborted(places: Places):
    ms = places.place("ms")
    stage(ms, "t1", [cde()])
    commit(ms, "t1")
    assert abort(ms, "t1") is False
    assert places.has("ms", "dementia") == b"new"


def test_a_commit_of_another_transaction_changes_nothing(places: Places):
    ms = places.place("ms")
    stage(ms, "t1", [cde()])
    with pytest.raises(participant.NotStaged, match="ms"):
        commit(ms, "t2")
    assert abort(ms, "t2") is False
    assert places.has("ms", "dementia") == b"old dementia\n"


def test_the_next_transaction_drops_what_an_older_one_left(places: Places):
    ms = places.place("ms")
    stage(ms, "t1", [cde(b"t1"), cde(b"other", "other")], database=rowless)
    stage(ms, "t2", [cde(b"t2")])
    assert len(places.leftovers()) == 1
    commit(ms, "t2")
    assert places.has("ms", "dementia") == b"t2"
    assert not (places.data("ms") / "other").exists()
    assert places.leftovers() == []


def test_leftovers_of_a_forgotten_transaction_are_swept(places: Places):
    ms = places.place("ms")
    stage(ms, "t1", [cde(b"t1")])
    (ms.state / STAGED).write_bytes(b"{")  # a disk's fault: our own writes are whole
    stage(ms, "t2", [cde(b"t2")])
    assert len(places.leftovers()) == 1


def test_what_is_so_already_is_not_written(places: Places):
    ui = places.place("ui")
    before = places.path("ui", None).stat()
    assert stage(ui, "t1", [Entry("pathologies", None, b"old list\n")]) == ()
    assert commit(ui, "t1") == ()
    assert places.path("ui", None).stat() == before


def test_an_entry_passes_as_json_whatever_its_bytes():
    entry = Entry("cde", "$(reboot)", b"\xff\xfe \xce\xb2 \x00")
    assert unpack(pack({"ms": Payload("t1", (entry,))}), "ms") == [entry]


def test_an_entry_that_was_cut_off_is_refused():
    sent = wire.unpack(pack({"ms": Payload("t1", (cde(b"whole"),))}))
    cut_off = dict.fromkeys(sent["contents"], "who")
    with pytest.raises(BadAnswer, match="arrived incomplete"):
        unpack(wire.pack({**sent, "contents": cut_off}), "ms")


# -- a pathology's new folder


def test_a_new_folder_on_the_master_appears_whole(places: Places):
    ms = places.place("ms")
    data = places.data("ms")
    data.chmod(0o2770)
    stage(ms, "t1", [cde(b"other", "other")], database=rowless)
    assert [path.name for path in data.iterdir()] == ["dementia"]  # nothing of ours in there
    commit(ms, "t1")
    assert listing(data / "other") == [CDE_FILE, DATABASE_FILE]
    assert mode(data / "other") == 0o2770
    assert mode(data / "other" / CDE_FILE) == mode(data / "other" / DATABASE_FILE) == 0o660


@root_only
def test_a_new_folder_belongs_to_whom_the_data_path_belongs(places: Places):
    os.chown(places.data("ms"), 1234, 1235)
    stage(places.place("ms"), "t1", [cde(b"other", "other")], database=rowless)
    commit(places.place("ms"), "t1")
    folder = places.data("ms") / "other"
    for path in (folder, folder / CDE_FILE, folder / DATABASE_FILE):
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)


def test_where_no_folder_can_be_moved_in_files_wait_beside_and_never_a_folder(places: Places):
    ms = places.place("ms")
    data = places.data("ms")
    # the folder above is another federation's data path: nothing may be prepared there
    (data.parent / ENROLLED_FILE).touch()
    data.chmod(0o770)
    stage(ms, "t1", [cde(b"other", "other")], database=rowless)
    assert [path.name for path in data.parent.iterdir() if path.is_dir()] == ["fed1"]
    assert [path.name for path in data.iterdir() if path.is_dir()] == ["dementia"]
    assert len(places.leftovers()) == 2
    commit(ms, "t1")
    assert listing(data / "other") == [CDE_FILE, DATABASE_FILE]
    assert mode(data / "other") == mode(data)
    assert mode(data / "other" / CDE_FILE) == mode(data / "other" / DATABASE_FILE) == 0o660
    assert places.leftovers() == []


@root_only
def test_a_new_folder_on_a_mounted_data_path(places: Places, mounted):
    ms = places.place("ms")
    mounted(places.data("ms"))
    stage(ms, "t1", [cde(b"other", "other")], database=rowless)
    assert [path.name for path in places.data("ms").iterdir() if path.is_dir()] == []
    commit(ms, "t1")
    assert listing(places.data("ms") / "other") == [CDE_FILE, DATABASE_FILE]
    assert places.leftovers() == []


def test_a_failing_database_leaves_nothing(places: Places):
    def fails(pathology: str, content: bytes, target: Where) -> None:
        beneath.file(target).path.write_bytes(b"half")
        raise OSError(28, os.strerror(28), str(target))

    before = listing(places.data("ms").parent)
    with pytest.raises(participant.StagingFailed, match="No space left"):
        stage(places.place("ms"), "t1", [cde(), cde(b"x", "other")], database=fails)
    assert listing(places.data("ms").parent) == before


def test_a_worker_whose_folder_went_away_gets_none(places: Places):
    with pytest.raises(NoPlace, match=r"wk1.*other.*gone"):
        stage(places.place("wk1"), "t1", [cde(), cde(b"x", "other")])
    assert places.leftovers() == []


# -- names and links


@pytest.mark.parametrize("name", ["..", "../fed2", "/etc", "a/b", "", ".hidden", "a\nb"])
def test_a_pathology_that_would_be_elsewhere_is_refused(name, places: Places):
    before = places.snapshot()
    with pytest.raises(UnsafeName):
        stage(places.place("ms"), "t1", [cde(), cde(b"x", name)], database=rowless)
    assert {k: v for k, v in places.snapshot().items() if "/state/" not in k} == before


@pytest.mark.parametrize("name", ["$(reboot)", "-rf", "a b", "it's", "{{ x }}", "`x`", "a;b"])
def test_odd_names_work(name, places: Places):
    stage(places.place("ms"), "t1", [cde(b"x", name)], database=rowless)
    commit(places.place("ms"), "t1")
    assert places.has("ms", name) == b"x"


@pytest.mark.usefixtures("opened_by")
def test_a_folder_that_is_a_link_out_of_the_data_path_is_refused(places: Places, tmp_path):
    (tmp_path / "outside").mkdir()
    (places.data("ms") / "linked").symlink_to(tmp_path / "outside")
    with pytest.raises(UnsafeName):
        stage(places.place("ms"), "t1", [cde(b"x", "linked")], database=rowless)
    assert listing(tmp_path / "outside") == []


@pytest.mark.usefixtures("opened_by")
def test_a_cde_that_is_a_link_out_of_its_folder_is_refused(places: Places, tmp_path):
    (tmp_path / "outside").write_bytes(b"mine")
    path = places.path("ms", "dementia")
    path.unlink()
    path.symlink_to(tmp_path / "outside")
    with pytest.raises(UnsafeName):
        stage(places.place("ms"), "t1", [cde()])
    assert (tmp_path / "outside").read_bytes() == b"mine"


def test_a_ui_takes_no_cde_and_a_worker_no_pathologies_json(places: Places):
    with pytest.raises(NoPlace, match="no data path"):
        stage(places.place("ui"), "t1", [cde()])
    with pytest.raises(NoPlace, match="role is not ui"):
        stage(places.place("wk1"), "t1", [Entry("pathologies", None, b"x")])


# -- disks


@pytest.fixture
def mounted():
    """Mounts a small disk at a path (``mounted(path, size=…)``), and takes all away at the end."""
    paths = []

    def mount(path: Path, options: str = "size=2m") -> None:
        command = ["mount", "-t", "tmpfs", "-o", f"mode=770,{options}", "mip-test", str(path)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("no mounts here")
        paths.append(path)

    yield mount
    for path in reversed(paths):
        gc.collect()  # errors that a test looked at refer to open folders
        subprocess.run(["umount", str(path)], check=True)


@root_only
def test_a_full_disk_is_an_error_that_names_node_path_and_reason(places: Places, mounted):
    mounted(places.data("wk1") / "dementia", "size=64k")
    path = places.path("wk1", "dementia")
    path.write_bytes(b"old")
    with pytest.raises(participant.StagingFailed) as caught:
        stage(places.place("wk1"), "t1", [cde(b"x" * 100_000)])
    for word in ("wk1", str(path), "No space left on device"):
        assert word in str(caught.value)
    assert listing(path.parent) == [CDE_FILE]
    assert path.read_bytes() == b"old"
    assert abort(places.place("wk1"), "t1") is False


@root_only
def test_a_read_only_disk_is_an_error_that_names_node_path_and_reason(places: Places, mounted):
    folder = places.data("wk1") / "dementia"
    mounted(folder)
    path = places.path("wk1", "dementia")
    path.write_bytes(b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    with pytest.raises(participant.StagingFailed) as caught:
        stage(places.place("wk1"), "t1", [cde()])
    for word in ("wk1", str(path), "Read-only file system"):
        assert word in str(caught.value)
    assert listing(folder) == [CDE_FILE]


def test_a_state_folder_that_cannot_be_made_is_an_error_that_names_it(places: Places, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(participant.StagingFailed, match="file/state"):
        stage(replace(places.place("wk1"), state=tmp_path / "file" / "state"), "t1", [cde()])


# -- enrolment


def test_the_first_commit_enrols_a_data_path_with_a_pathology(places: Places):
    wk1 = places.place("wk1")
    assert data_path.check(places.data("wk1"), wk1.state, node="wk1") is False
    stage(wk1, "t1", [])
    commit(wk1, "t1")
    assert data_path.check(places.data("wk1"), wk1.state, node="wk1") is True
    text = (places.data("wk1") / ENROLLED_FILE).read_text()
    assert "fed1" in text
    before = places.snapshot()
    commit(wk1, "t1")
    assert places.snapshot() == before


@pytest.mark.parametrize("inside", [(), (".Trash",)])
def test_a_data_path_without_a_pathology_is_not_enrolled(inside, places: Places, tmp_path):
    data = tmp_path / "fresh"
    data.mkdir()
    for name in inside:
        (data / name).mkdir()
    wk = replace(places.place("wk1"), data_path=data)
    stage(wk, "t1", [])
    commit(wk, "t1")
    assert not (data / ENROLLED_FILE).exists()


def test_nothing_is_written_to_a_data_path_whose_disk_is_gone(places: Places):
    wk1 = places.place("wk1")
    stage(wk1, "t1", [])
    commit(wk1, "t1")
    data = places.data("wk1")
    data.rename(data.with_name("unmounted"))
    with pytest.raises(data_path.MountGone, match="wk1"):
        stage(wk1, "t2", [cde()])
    data.mkdir()
    with pytest.raises(data_path.MountGone, match=r"\.mip-data"):
        stage(wk1, "t2", [cde()])
    assert listing(data) == []


def test_a_disk_that_goes_between_staging_and_commit_gets_nothing(places: Places):
    wk1 = places.place("wk1")
    stage(wk1, "t1", [cde(b"first")])
    commit(wk1, "t1")
    stage(wk1, "t2", [cde(b"second")])
    data = places.data("wk1")
    data.rename(data.with_name("unmounted"))
    data.mkdir()
    with pytest.raises(data_path.MountGone):
        commit(wk1, "t2")
    assert listing(data) == []
    data.rmdir()
    data.with_name("unmounted").rename(data)
    commit(wk1, "t2")
    assert places.has("wk1", "dementia") == b"second"


def test_a_data_path_that_was_never_there_is_another_error(places: Places):
    wk1 = replace(places.place("wk1"), data_path=places.root / "gone")
    with pytest.raises(data_path.NoDataPath, match="gone"):
        stage(wk1, "t1", [])


def test_enabling_enrols_what_is_there_and_forgets_what_is_not(places: Places):
    wk1 = places.place("wk1")
    data = places.data("wk1")
    assert data_path.enrol_again(data, wk1.state, federation="fed1") is True
    assert data_path.enrol_again(data, wk1.state, federation="fed1") is False
    (data / ENROLLED_FILE).unlink()
    assert data_path.enrol_again(data, wk1.state, federation="fed1") is True
    data.rename(data.with_name("other"))
    assert data_path.enrol_again(data, wk1.state, federation="fed1") is True
    assert data_path.enrol_again(data, wk1.state, federation="fed1") is False
    data.mkdir()
    assert data_path.check(data, wk1.state, node="wk1") is False
    assert data_path.enrol_again(data, wk1.state, federation="fed1") is True
    assert data_path.check(data, wk1.state, node="wk1") is True


def test_another_data_path_in_the_pillar_is_not_yet_enrolled(places: Places, tmp_path):
    wk1 = places.place("wk1")
    data_path.enrol_again(places.data("wk1"), wk1.state, federation="fed1")
    assert data_path.check(tmp_path, wk1.state, node="wk1") is False


def test_hidden_files_in_the_data_path_are_ours_or_the_enrolment(places: Places):
    stage(places.place("wk1"), "t1", [cde()])
    for path in places.data("wk1").rglob(".*"):
        assert atomic.is_ours(path.name) or path.name == ENROLLED_FILE
