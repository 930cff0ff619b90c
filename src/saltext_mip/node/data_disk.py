"""Whether the disk with a node's data responds, before a step of ours waits for it without end.

The same calls as of a look at the data are made first, by :mod:`saltext_mip.storage.hanging`. One
that hangs is left alone, and not joined by a second: while it waits, the disk hangs.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from saltext_mip.errors import NodeError
from saltext_mip.node import watch_data
from saltext_mip.node.context import NodeContext
from saltext_mip.node.reminders import Fingerprint, mark
from saltext_mip.storage.hanging import PATIENCE, Attempt, Step

HANGS = Fingerprint(mark("DataDiskHangs"))

_hanging: dict[Path, Attempt[Fingerprint]] = {}


class DataDiskHangs(NodeError):
    """{node}: the disk or server with {path} does not respond. On the node, mount shows which it
    is, and dmesg its errors."""

    permanent = False


def look(data_path: Path, state: Path, *, patience: float | None = None) -> Fingerprint:
    """:func:`watch_data.scan`, or :data:`HANGS`."""
    before = _hanging.pop(data_path, None)
    if before is not None and not before.done:
        _hanging[data_path] = before
        return HANGS
    attempt = Attempt(lambda step: watch_data.scan(data_path, state, step=step))
    if attempt.finishes(PATIENCE if patience is None else patience):
        return attempt.result()
    _hanging[data_path] = attempt
    return HANGS


def hangs(context: NodeContext) -> bool:
    """Whether the node's data path does not respond. The ui has none."""
    return context.has_data and look(context.data_path, context.state) == HANGS


def require(context: NodeContext) -> None:
    """:class:`DataDiskHangs` where the data path does not respond."""
    if hangs(context):
        raise DataDiskHangs(node=context.node.id, path=context.data_path)


def require_path(path: Path) -> None:
    """:class:`DataDiskHangs` where a path that a person named is on a disk that does not respond.

    For commands on the machine itself, which know of no node. What else may be wrong with the path,
    reading it reports.
    """
    if not Attempt(lambda step: _look_at(path, step)).finishes(PATIENCE):
        raise DataDiskHangs(node=socket.gethostname(), path=path)


def _look_at(path: Path, step: Step) -> None:
    with suppress(OSError):
        folder = path if path.is_dir() else path.parent
        step()
        for each in folder.iterdir():
            each.lstat()
            step()
