"""A name below a folder is opened without following a link, with and without ``openat2``."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from saltext_mip.storage import openat2
from saltext_mip.storage.beneath import Folder, LinkRefused

pytestmark = pytest.mark.usefixtures("opened_by")

READ = os.O_RDONLY
FOLDER = os.O_RDONLY | os.O_DIRECTORY


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """``home/a/b/file``, links that lead inside and out, and a file outside."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("outside")
    home = tmp_path / "home"
    (home / "a" / "b").mkdir(parents=True)
    (home / "a" / "b" / "file").write_text("inside")
    (home / "out").symlink_to(tmp_path / "outside")
    (home / "in").symlink_to("a")
    (home / "a" / "link").symlink_to("b/file")
    return home


def _open(home: Path, name: str, flags: int = READ, mode: int = 0o600) -> int:
    with Folder.at(home) as folder:
        return openat2.open_below(folder.fd, name, flags, mode)


def _error(home: Path, name: str, flags: int = READ) -> int:
    """The number of the error; 0 where it is opened."""
    try:
        os.close(_open(home, name, flags))
    except OSError as error:
        return error.errno or 0
    return 0


def _content(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read()


def test_a_name_of_several_parts_is_opened(home: Path):
    assert _content(_open(home, "a/b/file")) == b"inside"


@pytest.mark.parametrize(
    "name", ["out", "in", "out/file", "in/b/file", "a/link", "in/b", "a/link/x"]
)
def test_no_link_is_followed_wherever_it_stands(home: Path, name: str):
    for flags in (READ, FOLDER, os.O_WRONLY | os.O_CREAT):
        assert _error(home, name, flags) in (errno.ELOOP, errno.ENOTDIR)


@pytest.mark.parametrize("name", ["..", "../outside/file", "a/../../outside/file", "/etc/passwd"])
def test_no_name_leads_out_of_the_folder(home: Path, name: str):
    assert _error(home, name) == errno.EXDEV


def test_a_name_with_a_null_byte_is_not_the_name_before_it(home: Path):
    with pytest.raises(ValueError, match="null byte"):
        _open(home, "a\0b")


def test_what_is_made_has_the_mode_that_is_asked_for(home: Path):
    before = os.umask(0o022)
    try:
        os.close(_open(home, "a/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    finally:
        os.umask(before)
    assert (home / "a/new").stat().st_mode & 0o777 == 0o644
    with pytest.raises(FileExistsError):
        _open(home, "a/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with pytest.raises(FileNotFoundError):
        _open(home, "a/nothing")


def test_no_descriptor_is_inherited_or_left_open(home: Path):
    before = set(os.listdir("/proc/self/fd"))
    fd = _open(home, "a/b/file")
    assert not os.get_inheritable(fd)
    os.close(fd)
    assert _error(home, "a/b/nothing") == errno.ENOENT
    assert _error(home, "a/link/file")
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_file_that_another_process_may_keep_from_being_opened_ends_in_an_error(home: Path):
    """A lease: without waiting, the kernel answers EAGAIN for as long as it is held."""
    held = (
        "import fcntl, os, signal, sys\n"
        "signal.signal(signal.SIGIO, signal.SIG_IGN)\n"
        "fd = os.open(sys.argv[1], os.O_RDWR)\n"
        "fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", held, str(home / "a/b/file")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError):
            _open(home, "a/b/file", READ | os.O_NONBLOCK)
        holder.communicate("")


def test_a_link_to_inside_is_taken_and_one_that_changes_is_not(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    with Folder.at(home) as folder:
        assert (folder / "in").target().path == home / "a"
        with folder.folder("in") as inner:
            assert _content((inner / "link").descriptor()) == b"inside"
        (home / "deep").symlink_to("a/b/file")
        assert _content((folder / "deep").descriptor()) == b"inside"
        real = os.path.realpath

        def swapped(path: str) -> str:
            found = real(path)
            if path.endswith("/deep"):
                (home / "a").rename(home / "was")
                (home / "a").symlink_to("was")
            return found

        monkeypatch.setattr(os.path, "realpath", swapped)
        with pytest.raises(LinkRefused, match="it is a link that changes"):
            (folder / "deep").descriptor()


# -- where the kernel refuses the call

FORBIDDEN = """
import ctypes, os, struct, sys
# load the number of the system call; is it 437? then fail with that error, else allow
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, 437), (0x06, 0, 0, 0x00050000 | int(sys.argv[1])),
         (0x06, 0, 0, 0x7fff0000)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in rules))
class Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_void_p))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
wanted = Filter(len(rules), ctypes.cast(program, ctypes.c_void_p))
assert libc.prctl(22, 2, ctypes.byref(wanted), 0, 0) == 0, os.strerror(ctypes.get_errno())

from saltext_mip.storage import openat2
from saltext_mip.storage.beneath import Folder, File
from pathlib import Path
home = Folder.at(Path(sys.argv[2]))
print(openat2.is_available(), (home.folder("a").folder("b") / "file").open().read().decode())
try:
    home.folder("out")
except OSError as error:
    print(error.why)
"""


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EPERM])
def test_where_the_kernel_refuses_the_call_each_part_is_opened_by_itself(home: Path, error: int):
    """With a filter of system calls, as that of a container."""
    argv = [sys.executable, "-c", FORBIDDEN, str(error), str(home)]
    made = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert made.stdout == "False inside\nit is a link that leaves its folder\n", made.stderr
