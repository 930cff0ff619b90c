"""Every error that a person may see, as one small tree.

An error class's docstring *is* its message, a template over the facts that it is raised with::

    MipError
    ├── Misuse                 the command's arguments
    │   ├── UnknownFederation
    │   ├── UnknownNode
    │   └── AmbiguousNode
    ├── DeclarationError       the pillar
    ├── UnsafeName             a file or folder name that could leave its folder
    ├── NodeError              one node, or several
    │   ├── NodesMissing       (temporary)
    │   ├── NodesFailed
    │   └── BadAnswer
    ├── DataError              data, CDEs and what is made of them
    ├── Refused                what may not be done now, and why
    ├── Busy                   another command holds the federation's lock (temporary)
    └── Unexpected             anything else: an internal error

``permanent`` tells whether a retry would fail in the same way: a temporary error is retried, a
permanent one waits until something changes. Errors are raised where the fact is known, and shaped
for Salt in one place, ``bridge``. No error carries the value of a cell.
"""

from __future__ import annotations

import traceback
from inspect import cleandoc
from pathlib import Path
from typing import Any, Self


class MipError(Exception):
    """{message}"""

    permanent = True
    exit_code = 1

    def __init__(self, message: str = "", /, **facts: Any) -> None:
        self.facts: dict[str, Any] = {"message": message, **facts}
        super().__init__(message)

    def __str__(self) -> str:
        return cleandoc(type(self).__doc__ or "").format_map(self.facts).rstrip()


class Misuse(MipError):
    """{message}"""

    exit_code = 2


class UnknownFederation(Misuse):
    """Federation '{name}' not found in the pillar; declared: {declared}."""


class UnknownNode(Misuse):
    """Federation '{federation}' has no node '{name}'; its nodes: {declared}."""


class AmbiguousNode(Misuse):
    """'{name}' fits more than one node of '{federation}': {nodes}. Use the minion id."""


class DeclarationError(MipError):
    """Pillar, key {key}: {message}"""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message, key=key)


class UnsafeName(MipError):
    """The name {name} is not allowed here: {message}"""


class NodeError(MipError):
    """{message}"""


class NodesMissing(NodeError):
    """No usable answer from {nodes}. {message}"""

    permanent = False


class NodesFailed(NodeError):
    """Failed on {nodes}: {message}"""


class BadAnswer(NodeError):
    """Invalid response from {node}: {message}"""


class DataError(MipError):
    """{message}"""


class Refused(MipError):
    """{message}"""


class Busy(MipError):
    """Federation '{federation}' is locked by {holder} (waited {waited:.0f} s). {message}"""

    permanent = False


class Unexpected(MipError):
    """Internal error {kind} at {place}. Details are withheld: they may contain patient data."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self.frames: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """An unexpected error without its text, which may hold a value; ``frames`` for a log."""
        trace = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in trace if _PACKAGE in Path(frame.filename).parents]
        where = (own or list(trace))[-1:]
        place = ", ".join(f"{_below(frame.filename)}, line {frame.lineno}" for frame in where)
        made = cls(kind=type(error).__name__, place=place or "an unknown place")
        made.frames = tuple(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in trace)
        return made


_PACKAGE = Path(__file__).parent


def _below(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_PACKAGE)) if _PACKAGE in path.parents else path.name
