"""A folder on a file system of its own, whose faults are real: the kernel's, by FUSE.

Its server is a process of its own; a test tells it by a file what to do wrong: not to answer, to
answer with an error below a path, to give a file another inode number at each look. Read-only.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE = 1, 2, 3, 14, 15, 17, 18
FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 25, 26, 27, 28, 29, 36, 42
SILENT = {FORGET, BATCH_FORGET, INTERRUPT}
IN, OUT = struct.Struct("=IIQQIIII"), struct.Struct("=IiQ")
_LIBC = ctypes.CDLL(None, use_errno=True)


class FuseDisk:
    """The mounted folder (``path``), the files behind it, and what is wrong with it."""

    def __init__(self, path: Path, files: Path, control: Path) -> None:
        self.path, self.files, self._control = path, files, control

    def fault(self, **fault: Any) -> None:
        """``hang=True``; ``error=errno.EIO, below="dementia"``; ``inodes=True``; none: healed."""
        new = self._control.with_suffix(".new")
        new.write_text(json.dumps(fault))
        new.rename(self._control)


@contextmanager
def fuse_disk(path: Path, files: Path) -> Iterator[FuseDisk]:
    """``files`` at ``path``, which must be a folder."""
    if os.geteuid() or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("no FUSE here")
    disk = FuseDisk(path, files, path.with_name(f"{path.name}.fault"))
    disk.fault()
    command = [sys.executable, "-m", "tests.support.fuse", *map(str, (path, files, disk._control))]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        if server.stdout.readline() != "mounted\n":
            pytest.skip("FUSE cannot be mounted here")
        yield disk
    finally:
        server.kill()  # which ends all that wait for it
        server.wait()
        server.stdout.close()
        subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)


class _Server:
    def __init__(self, fd: int, files: Path, control: Path) -> None:
        self.fd, self.files, self.control = fd, files, control
        self.paths: dict[int, str] = {1: ""}
        self.nodes: dict[str, int] = {"": 1}
        self.looks = 1000
        self.waiting: list[bytes] = []

    def serve(self) -> None:
        while True:
            ready = select.select([self.fd], [], [], 0.02)[0]
            fault = json.loads(self.control.read_text())
            if ready:
                self.waiting.append(os.read(self.fd, 1 << 18))
            if fault.get("hang"):
                continue
            for request in self.waiting:
                self.answer(request, fault)
            self.waiting.clear()

    def answer(self, request: bytes, fault: dict[str, Any]) -> None:
        _, opcode, unique, node, *_ = IN.unpack_from(request)
        if opcode in SILENT:
            return
        number, body = 0, b""
        try:
            body = self.body(opcode, node, request[IN.size :], fault)
        except OSError as error:
            number = error.errno or errno.EIO
        os.write(self.fd, OUT.pack(OUT.size + len(body), -number, unique) + body)

    def body(self, opcode: int, node: int, data: bytes, fault: dict[str, Any]) -> bytes:
        if opcode == INIT:
            minor = min(struct.unpack_from("=II", data)[1], 31)
            return struct.pack("=IIIIHHIIHH8I", 7, minor, 0, 0, 8, 8, 1 << 16, 1, 1, 0, *[0] * 8)
        path = self.paths[node]
        if opcode == LOOKUP:
            path = f"{path}/{os.fsdecode(data.rstrip(bytes(1)))}".lstrip("/")
        below = fault.get("below")
        if below is not None and (path == below or path.startswith(f"{below}/") or not below):
            raise OSError(fault["error"], "as the test wants it")
        real = self.files / path
        match opcode:
            case 1:
                attributes = self.attributes(real, fault)
                number = self.nodes.setdefault(path, len(self.nodes) + 1)
                self.paths[number] = path
                return struct.pack("=QQQQII", number, 0, 0, 0, 0, 0) + attributes
            case 3:
                return struct.pack("=QII", 0, 0, 0) + self.attributes(real, fault)
            case 14 | 27:
                return struct.pack("=QII", 0, 0, 0)
            case 15:
                offset, size = struct.unpack_from("=QI", data, 8)
                return real.read_bytes()[offset : offset + size]
            case 17:
                return struct.pack("=QQQQQIIII6I", *[0] * 5, 512, 255, 512, 0, *[0] * 6)
            case 18 | 25 | 29:
                return b""
            case 28:
                offset = struct.unpack_from("=Q", data, 8)[0]
                return b"" if offset else self.entries(real)
        raise OSError(errno.ENOSYS, "not one of ours")

    def attributes(self, real: Path, fault: dict[str, Any]) -> bytes:
        of = real.lstat()
        self.looks += 1
        inode = self.looks if fault.get("inodes") and not stat.S_ISDIR(of.st_mode) else of.st_ino
        times = [of.st_atime_ns, of.st_mtime_ns, of.st_ctime_ns]
        whole, rest = [t // 10**9 for t in times], [t % 10**9 for t in times]
        more = (of.st_mode, of.st_nlink, of.st_uid, of.st_gid, 0, 4096, 0)
        return struct.pack("=6Q10I", inode, of.st_size, of.st_blocks, *whole, *rest, *more)

    def entries(self, real: Path) -> bytes:
        out = b""
        for index, entry in enumerate(sorted(os.scandir(real), key=lambda each: each.name), 1):
            name = os.fsencode(entry.name)
            kind = stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode) >> 12
            out += struct.pack("=QQII", entry.inode(), index, len(name), kind)
            out += name.ljust(-(-len(name) // 8) * 8, b"\0")
        return out


def main(path: str, files: str, control: str) -> None:
    fd = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if _LIBC.mount(b"mip-test", os.fsencode(path), b"fuse", 0, options):
        print(os.strerror(ctypes.get_errno()), flush=True)
        return
    print("mounted", flush=True)
    _Server(fd, Path(files), Path(control)).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
