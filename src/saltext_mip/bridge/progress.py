"""What a runner function reports while it runs: to its caller in this process, else to stderr.

It does not import Salt: the command ``mip`` reads from it before it needs Salt.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from saltext_mip.text import shown

Progress = Callable[[str], None]

# records of Salt's own that tell a person nothing (3008 writes them after each run)
NOISE = re.compile(r"unclosed \w+ .*(call|use) ``|^\s*$")

_receiver: ContextVar[Progress | None] = ContextVar("progress receiver", default=None)


@contextmanager
def progress_to(receiver: Progress) -> Iterator[None]:
    """Send the progress of runner functions that are called inside the block to ``receiver``."""
    token = _receiver.set(receiver)
    try:
        yield
    finally:
        _receiver.reset(token)


def progress(opts: Mapping[str, Any]) -> Progress:
    """The receiver in use; for ``salt-run`` standard error, in a daemon (its log) nothing."""
    if (receiver := _receiver.get()) is not None:
        return receiver
    if opts.get("__cli") != "salt-run":
        return lambda _: None
    return lambda text: print(f"  {shown(text)}", file=sys.stderr, flush=True)  # noqa: T201
