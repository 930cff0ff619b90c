"""Files are whole, old or new; names stay inside their folder."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext_mip import text as files_text
from saltext_mip.errors import UnsafeName
from saltext_mip.storage import atomic, paths, state


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- names


@pytest.mark.parametrize(
    "name",
    [
        "dementia",
        "with blank",
        " ",
        "-rf",
        "--",
        "~",
        "a;b",
        "it's",
        '"',
        "$(reboot)",
        "`reboot`",
        "{{ pillar }}",
        "{% raw %}",
        "*",
        "...",
        ".hidden",
        "βeta",
        "a\u202eb",
        "é" * 127,
    ],
)
def test_odd_names_are_legal(name, tmp_path):
    assert paths.check_name(name) == name
    assert atomic.replace(paths.inside(tmp_path, name), b"x")
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/",
        "a/b",
        "/etc/passwd",
        "../a",
        "a\n",
        "\x00",
        "a\x1b[2J",
        "\x7f",
        "\x9b1m",
        "é" * 128,
        "a\udcff",
    ],
)
def test_names_that_could_leave_their_folder_or_steer_a_terminal_are_refused(name, tmp_path):
    with pytest.raises(UnsafeName) as caught:
        paths.inside(tmp_path, name)
    assert str(caught.value).isprintable()


@given(st.text(st.characters()))
def test_a_name_that_passes_is_one_component_without_control_characters(name):
    try:
        paths.check_name(name)
    except UnsafeName:
        return
    assert Path("/folder", name).parent == Path("/folder")
    assert os.path.normpath(f"/folder/{name}") == f"/folder/{name}"
    assert not any(unicodedata.category(char) == "Cc" for char in name)
    assert len(os.fsencode(name)) <= 255


@given(st.text(st.characters()))
def test_what_is_shown_cannot_steer_a_terminal_nor_fail_to_encode(text):
    shown = files_text.shown(text)
    shown.encode()
    categories = {unicodedata.category(char) for char in shown}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_what_is_harmless_is_shown_as_it_is():
    assert files_text.shown("Dementia (β) \\ 'x'") == "Dementia (β) \\ 'x'"
    assert files_text.shown("a\n\x1b\x9b\u202e\ud800\U000e0001") == (
        "a\\x0a\\x1b\\x9b\\u202e\\ud800\\U000e0001"
    )


@given(st.text(st.characters()), st.sampled_from([atomic.WRITING, atomic.STAGED]))
def test_a_temporary_name_fits_is_hidden_and_is_recognised(name, mark):
    try:
        paths.check_name(name)
    except UnsafeName:
        return
    temporary = atomic.temporary(name, mark)
    paths.check_name(temporary + "-journal")
    assert temporary.startswith(".")
    assert atomic.is_ours(temporary)
    assert atomic.is_ours(temporary + "-wal")


def test_other_hidden_files_are_not_ours():
    assert not atomic.is_ours(".mip-data")
    assert not atomic.is_ours(".bashrc")
    assert not atomic.is_ours("a.mip-0123456789abcdef")


# -- links


@pytest.mark.usefixtures("opened_by")
def test_a_link_inside_its_folder_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    assert atomic.replace(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert names(tmp_path) == ["link", "real"]


@pytest.mark.parametrize("to", ["../outside", "/etc/hostname", "..", ".", "gone/../../outside"])
@pytest.mark.usefixtures("opened_by")
def test_a_link_that_leaves_its_folder_is_refused(to, tmp_path):
    (tmp_path / "outside").write_bytes(b"old")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(to)
    with pytest.raises(UnsafeName):
        paths.inside(folder, "link")
    with pytest.raises(UnsafeName):
        atomic.replace(folder / "link", b"new")
    assert (tmp_path / "outside").read_bytes() == b"old"
    assert names(folder) == ["link"]


@pytest.mark.usefixtures("opened_by")
def test_a_link_to_a_folder_of_which_the_own_is_a_prefix_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data2").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "data2" / "x")
    with pytest.raises(UnsafeName):
        paths.inside(tmp_path / "data", "link")


@pytest.mark.usefixtures("opened_by")
def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(UnsafeName):
        paths.inside(tmp_path, "a")


def test_a_folder_or_a_pipe_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(UnsafeName):
            atomic.replace(tmp_path / name, b"x")
    assert names(tmp_path) == ["folder", "pipe"]


# -- replacing


def test_the_same_content_is_not_written_again(tmp_path):
    path = tmp_path / "a"
    assert atomic.replace(path, b"x") is True
    before = path.stat()
    assert atomic.replace(path, b"x") is False
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_mode_is_that_of_the_file_replaced(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o604)
    atomic.replace(path, b"new")
    assert mode(path) == 0o604


def test_mode_of_a_new_file_is_the_folders_without_execution(tmp_path):
    tmp_path.chmod(0o770)
    atomic.replace(tmp_path / "a", b"x")
    assert mode(tmp_path / "a") == 0o660


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner_and_group_are_those_of_the_file_replaced_or_of_the_folder(tmp_path):
    os.chown(tmp_path, 1234, 1235)
    atomic.replace(tmp_path / "new", b"x")
    assert ((tmp_path / "new").stat().st_uid, (tmp_path / "new").stat().st_gid) == (1234, 1235)
    os.chown(tmp_path / "new", 1236, 1237)
    atomic.replace(tmp_path / "new", b"y")
    assert ((tmp_path / "new").stat().st_uid, (tmp_path / "new").stat().st_gid) == (1236, 1237)


def test_a_reader_that_has_the_old_file_open_reads_the_old_to_its_end(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        atomic.replace(path, b"new!")
        assert reader.read() == b"old"


def test_nothing_is_left_where_the_folder_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        atomic.replace(tmp_path / "gone" / "a", b"x")
    assert names(tmp_path) == []


def test_what_an_aborted_write_made_is_gone_and_the_old_stands(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    staged = atomic.Staged.stage(path, b"new")
    assert len(names(tmp_path)) == 2
    staged.abort()
    assert names(tmp_path) == ["a"]
    assert path.read_bytes() == b"old"


def test_until_it_is_sealed_only_its_writer_can_read_it(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o644)
    staged = atomic.Staged.plan(path)
    staged.create()
    assert mode(staged.temp) == 0o600
    staged.seal()
    assert mode(staged.temp) == 0o644
    staged.abort()


# -- leftovers

LEAVE_ONE = """
import os, sys
from pathlib import Path
from saltext_mip.storage import atomic
staged = atomic.Staged.plan(Path(sys.argv[1]))
staged.create()
staged.temp.with_name(staged.temp.name + "-journal").path.touch()
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_writer_left_is_removed_by_the_next_write_to_that_target(tmp_path):
    path = tmp_path / "a"
    subprocess.run([sys.executable, "-c", LEAVE_ONE, str(path)], check=False, timeout=60)
    left = names(tmp_path)
    assert len(left) == 2
    assert all(atomic.is_ours(name) for name in left)
    atomic.replace(tmp_path / "b", b"x")
    assert names(tmp_path) == [*left, "b"]
    atomic.replace(path, b"x")
    assert names(tmp_path) == ["a", "b"]


def test_a_file_that_is_being_written_is_not_taken_for_a_leftover(tmp_path):
    path = tmp_path / "a"
    first = atomic.Staged.stage(path, b"first")
    first.temp.with_name(first.temp.name + "-journal").path.touch()
    assert atomic.replace(path, b"second")
    assert first.temp.exists()
    assert first.temp.with_name(first.temp.name + "-journal").exists()
    first.commit()
    assert path.read_bytes() == b"first"


def test_what_waits_for_its_commit_is_swept_only_by_name(tmp_path):
    path = tmp_path / "a"
    waiting = atomic.Staged.stage(path, b"new", mark=atomic.STAGED)
    waiting.leave()
    atomic.replace(path, b"other")
    assert waiting.temp.exists()
    assert atomic.sweep(path, mark=atomic.STAGED, keep=[waiting.temp]) == ()
    assert atomic.sweep(path, mark=atomic.STAGED) == (waiting.temp,)


@pytest.mark.usefixtures("opened_by")
def test_a_link_of_a_temporary_files_name_is_left_alone(tmp_path):
    trap = tmp_path / atomic.temporary("a")
    (tmp_path / "b").write_bytes(b"x")
    trap.symlink_to("b")
    atomic.replace(tmp_path / "a", b"new")
    assert trap.is_symlink()
    assert (tmp_path / "b").read_bytes() == b"x"


# -- state


def test_state_comes_back_and_is_private(tmp_path):
    path = tmp_path / "var" / "mip" / "fed1" / "x.json"
    value = {"a": [1, None, "β\udcff"]}
    assert state.read_state(path) is None
    assert state.write_state(path, value) is True
    assert state.write_state(path, value) is False
    assert state.read_state(path) == value
    assert mode(path) == 0o600
    assert mode(path.parent) == mode(tmp_path / "var") == 0o700


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"\xff\xfe"])
def test_state_that_is_not_ours_is_an_error_that_names_it(content, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(state.StateBroken, match=r"x\.json"):
        state.read_state(path)


def test_removing_state_twice_is_fine(tmp_path):
    state.write_state(tmp_path / "x", 1)
    state.remove_state(tmp_path / "x")
    state.remove_state(tmp_path / "x")
    assert names(tmp_path) == []
