"""One CSV file: its header, datasets, rows and fingerprint, and what is wrong with its form.

A file is read once, in blocks: memory is bounded whatever its size. One that is refused for what it
begins with is not read to its end. What a block says is
:mod:`.scanner`'s to tell; here are the file, its hash, and that it held still.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace

from saltext_mip.data.csvfile import open_files
from saltext_mip.data.csvfile.diagnosis.explain import Explainer
from saltext_mip.data.csvfile.diagnosis.header import HEAD
from saltext_mip.data.csvfile.diagnosis.sample import BYTES as SAMPLED
from saltext_mip.data.csvfile.fast_scan import Proof, by_deletion
from saltext_mip.data.csvfile.scanner import Scan
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import LinkRefused, Where

BLOCK = 1 << 20  # bytes that are read and hashed at once
_STEP = 512 << 10  # bytes that are scanned at once: more does not fit a core's cache
_THREAD_PAYS = 4 << 20  # bytes of a file from which on it does
_NUMPY_PAYS = 64 << 20
_NUMPY_PAYS_QUOTED = 8 << 20


@dataclass(frozen=True)
class Table:
    """What one file holds.

    ``header`` are the columns' names, () where they are not fit to be shown; ``datasets`` pairs of
    code and rows, in the order of first appearance; ``size`` is in bytes, ``sha256`` in hex: of the
    whole file, or, where that is refused for its beginning, of as much as was read and the size.
    ``findings`` are what is wrong with its form: with a hard one it is not :attr:`sound`, and its
    datasets are not to be used.
    """

    header: tuple[str, ...] = ()
    datasets: tuple[tuple[str, int], ...] = ()
    rows: int = 0
    size: int = 0
    sha256: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def sound(self) -> bool:
        return not any(finding.problem.hard for finding in self.findings)


@dataclass(frozen=True)
class Stamp:
    """By what a file is known again without reading it: bytes, mtime and ctime in ns.

    No program can set a ctime: what replaces a file has another, whatever its mtime. The inode
    number is no part of it: on CIFS and FUSE it may differ at each look.
    """

    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read(path: Where, *, progress: Callable[[int], None] | None = None) -> Table:
    """The table in that file. One that cannot be read, or changes meanwhile, is a finding, too.

    ``progress`` is called with the bytes read so far, now and then. A link is followed only to
    inside its folder.
    """
    return read_stamped(path, progress=progress)[0]


def read_stamped(
    path: Where, *, progress: Callable[[int], None] | None = None, even_open: bool = False
) -> tuple[Table, Stamp | None]:
    """:func:`read`, and the stamp of what was read; ``None`` where it is to be read again.

    A file that a program has open for writing is not read, except with ``even_open``.
    """
    try:
        file = beneath.file(path)
        fd = file.descriptor()
    except BlockingIOError:  # a program has a lease on it, to write
        return _only("FileOpen"), None
    except OSError as error:
        return _unreadable(error), None
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            return _only("Unreadable", "it is not a file"), None
        if not even_open and open_files.is_written(fd, time.time()):
            return _only("FileOpen"), None
        table = _read(fd, path.name, progress)
        after, now = os.fstat(fd), file.stat()
    except FileNotFoundError:  # renamed meanwhile
        return _only("FileChanging"), None
    except OSError as error:
        return _unreadable(error), None
    finally:
        os.close(fd)
    stamp = Stamp.of(before)
    if not stamp == Stamp.of(after) == Stamp.of(now) or table.size != stamp.size:
        return _only("FileChanging"), None
    return table, stamp


def _read(fd: int, name: str, progress: Callable[[int], None] | None) -> Table:
    expected = os.fstat(fd).st_size
    digest = hashlib.sha256()
    size = 0
    # hashing lets go of the interpreter, and so does reading: they run beside the scan
    workers = ThreadPoolExecutor(1, "sha256") if expected >= _THREAD_PAYS else None
    with workers or nullcontext():
        block = os.read(fd, BLOCK)
        head = block[:HEAD]
        scan = Scan(_proof(expected, block))
        while block:
            size += len(block)
            hashed = workers.submit(digest.update, block) if workers else None
            if hashed is None:
                digest.update(block)
            ahead = os.read(fd, BLOCK)
            for begin in range(0, len(block), _STEP):
                scan.feed(block[begin : begin + _STEP])
            if hashed is not None:
                hashed.result()
            if progress is not None:
                progress(size)
            block = ahead
            # what is found out about a file that is refused is found in the first of it
            if scan.stopped and size >= SAMPLED:
                break
        if block:
            size = expected
            digest.update(b"%d" % size)
    scan.finish()
    table = Table(
        header=scan.header,
        datasets=tuple(scan.datasets.items()),
        rows=scan.rows,
        size=size,
        sha256=digest.hexdigest(),
        findings=scan.findings,
    )
    if table.sound:
        return table
    explainer = Explainer(head, size=size, name=name, header=scan.header)
    found = explainer.explained(scan.findings, widths=scan.widths, rows=scan.rows)
    return replace(table, findings=found)


def _proof(size: int, begin: bytes) -> Proof:
    """The way that is faster for a file of that size, its import included."""
    pays = _NUMPY_PAYS if b'"' not in begin else _NUMPY_PAYS_QUOTED
    if size >= (_THREAD_PAYS if "numpy" in sys.modules else pays):
        try:
            from saltext_mip.data.csvfile.fast_scan_numpy import by_masks
        except ImportError:  # no numpy: somebody took it out of this environment
            return by_deletion()
        return by_masks()
    return by_deletion()


def _unreadable(error: OSError) -> Table:
    if isinstance(error, LinkRefused):
        return _only("UnsafeName", error.why)
    return _only("Unreadable", os.strerror(error.errno or 0))


def _only(rule: str, about: str | None = None) -> Table:
    return Table(findings=(Finding(Problem(rule, about=about)),))
