"""Every place of the packages that work below data paths which touches a file by its name.

A call that is not listed here fails the test: files below a data path are reached through
``storage.beneath``, by descriptor. So is each ``os`` function that takes a name.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import saltext_mip

PACKAGE = Path(saltext_mip.__file__).parent
WATCHED = ("data", "node", "transaction", "storage/atomic.py")

_PATH = {"open", "stat", "lstat", "exists", "is_file", "is_dir", "is_symlink", "is_mount"}
_PATH |= {"read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "glob", "rglob"}
_PATH |= {"unlink", "mkdir", "rmdir", "rename", "touch", "chmod", "symlink_to", "hardlink_to"}
_PATH |= {"resolve", "readlink", "samefile"}
_OS = {"scandir", "listdir", "realpath", "lexists", "access", "chown", "truncate", "link"}
_OS |= {"symlink", "remove", "removedirs", "makedirs", "utime", "mkfifo", "mknod", "renames"}
_OTHER = {"rmtree", "copyfile", "copy2", "copytree", "move", "connect", "disk_usage", "mkstemp"}
_OTHER |= {"read_csv", "scan_csv", "read_database", "TemporaryDirectory", "NamedTemporaryFile"}
CALLS = _PATH | _OS | _OTHER

#: A descriptor's: of ``beneath``, or an entry of a folder that was scanned by descriptor.
BY_DESCRIPTOR = {
    "data/corrections/fix.py": {"open": 1},
    "data/csvfile/reader.py": {"stat": 1},
    "data/data_path.py": {"is_file": 2, "is_dir": 2, "is_symlink": 2, "stat": 2},
    "data/database/build_record.py": {"exists": 1},
    "data/database/builder.py": {"open": 2, "unlink": 1, "copyfile": 1},  # /proc/self/fd/N
    "data/database/compare.py": {"open": 2},
    "data/database/compiler.py": {"exists": 1, "lstat": 1},
    "data/database/sqlite.py": {"connect": 2},  # what they opened is compared with a descriptor
    "data/database/staleness.py": {"exists": 1, "open": 1, "stat": 2},
    "data/inventory/check.py": {"exists": 1, "is_dir": 1},
    "data/inventory/collect.py": {"stat": 1},
    "data/inventory/report.py": {"lstat": 1, "open": 1, "unlink": 2},
    "node/databases.py": {"exists": 1},
    "node/preflight.py": {"mkdir": 1},
    "node/watch_data.py": {"is_dir": 1, "stat": 3},
    "storage/atomic.py": {"open": 1, "lstat": 2, "exists": 1, "is_file": 1, "unlink": 3}
    | {"replace": 1},
    "transaction/file_ops.py": {"exists": 1, "is_file": 1, "lstat": 1, "mkdir": 1, "open": 1}
    | {"unlink": 3, "replace": 3},
}
#: By name, and why that is right.
BY_NAME = {
    # what a person named, on their own machine, and whether a folder above it is a data path
    "data/corrections/fix.py": {"exists": 2, "resolve": 1},
    "data/inventory/check.py": {"exists": 1, "is_dir": 1, "is_file": 1, "resolve": 3},
    "node/data_disk.py": {"is_dir": 1, "iterdir": 1, "lstat": 1},
    "node/queries.py": {"is_dir": 4, "is_file": 2, "open": 1, "realpath": 2, "resolve": 1}
    | {"iterdir": 1},
    # Linux' tables in /proc
    "data/csvfile/open_files.py": {"iterdir": 2, "read_text": 2, "readlink": 2},
    # the same; the data path itself, which is configured; whether a folder above has the mark
    "data/data_path.py": {"read_bytes": 1, "realpath": 1, "is_dir": 1, "exists": 1},
    # bytes
    "data/csvfile/blocks.py": {"read_csv": 1},
    # a database in memory
    "data/database/compare.py": {"connect": 2},
    # our own state, where only root may write
    "data/inventory/trials.py": {"read_bytes": 1},
    "data/database/held_files.py": {"exists": 1},
    "data/inventory/row_hashes.py": {"iterdir": 2, "open": 3, "os.open": 1, "rmtree": 1, "stat": 2}
    | {"unlink": 1, "replace": 1, "TemporaryDirectory": 1},
    "node/jobs.py": {"is_dir": 1, "iterdir": 1, "read_text": 1, "stat": 1, "unlink": 1}
    | {"disk_usage": 1},  # of the configured folder
    # Docker, which is no file
    "node/containers.py": {"connect": 1},
    "node/docker.py": {"connect": 1},
    "node/logs.py": {"connect": 1},
    # configured folders, which are looked at and not read; sockets; Linux' tables
    "node/preflight.py": {"access": 1, "connect": 1, "disk_usage": 1, "exists": 3, "is_dir": 2}
    | {"read_text": 1, "stat": 1},
    "node/services/ports.py": {"access": 1, "open": 1},
    "node/swarm_checks.py": {"exists": 1, "read_text": 1, "resolve": 1},
    # the ui's configured folder, which may be new
    "transaction/file_ops.py": {"is_dir": 1},
}


def _calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Attribute(attr="open", value=ast.Name(id="os")):
                yield "os.open"  # only beneath, locks and our own state
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in CALLS:
                yield name
            # pathlib's rename; a text's replace has two arguments
            case ast.Attribute(attr="replace") if len(node.args) == 1 and not node.keywords:
                yield "replace"


def _files() -> Iterator[Path]:
    for name in WATCHED:
        path = PACKAGE / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def test_no_other_place_touches_a_file_by_its_name():
    found: dict[str, Counter[str]] = {}
    for path in _files():
        if calls := Counter(_calls(path)):
            found[str(path.relative_to(PACKAGE))] = calls
    expected = {
        name: Counter(BY_DESCRIPTOR.get(name, {})) + Counter(BY_NAME.get(name, {}))
        for name in BY_DESCRIPTOR.keys() | BY_NAME.keys()
    }
    advice = "reach it through storage.beneath, or list it above with the reason"
    for name in sorted(found.keys() | expected.keys()):
        now, known = found.get(name, Counter()), expected.get(name, Counter())
        assert now == known, f"{name}: {advice}: new {dict(now - known)}, gone {dict(known - now)}"


def test_nothing_but_descriptors_is_followed():
    """Each ``os`` function that takes a name gets the folder's descriptor in ``beneath``."""
    by_name = [*_by_name("storage/beneath.py"), *_by_name("storage/openat2.py")]
    assert by_name == ["os.open(path, _FOLDER)"]  # Folder.at: the path that is configured


def _by_name(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
        match node:
            case ast.Call(func=ast.Attribute(attr=name, value=ast.Name(id="os"))) if name in {
                *("open", "stat", "rename", "unlink", "mkdir", "readlink", "link", "symlink"),
                *("replace", "rmdir", "chmod", "chown", "utime", "lstat", "access"),
            }:
                keywords = {keyword.arg for keyword in node.keywords}
                if not keywords & {"dir_fd", "src_dir_fd"}:
                    yield ast.unparse(node)
