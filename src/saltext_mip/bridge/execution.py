"""Errors of execution modules: one sentence, never the text of a library's exception; and the
minion that they run in.

Salt returns an exception's text and traceback to the master, and a library's text may quote a value
that it refused. So an unexpected error is reported by its kind and place only.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext_mip.errors import MipError, Unexpected

log = logging.getLogger(__name__)


@contextmanager
def shaped_errors() -> Iterator[None]:
    """Turn any exception into a ``CommandExecutionError`` for a person."""
    try:
        yield
    except MipError as exc:
        raise CommandExecutionError(str(exc)) from None
    except OSError as exc:
        raise CommandExecutionError(os_error_text(exc)) from None
    except Exception as exc:  # noqa: BLE001 - reported, without its text
        error = Unexpected.of(exc)
        log.error("%s\n%s", str(error), "\n".join(error.frames))
        raise CommandExecutionError(str(error)) from None


def minion_uptime(opts: Mapping[str, Any], proc: Path = Path("/proc")) -> float | None:
    """Seconds since this minion's process started; ``None`` where that is not known.

    A job is a process of its own, whose parent is the minion's, unless Salt runs jobs in threads.
    """
    pid = os.getppid() if opts.get("multiprocessing", True) else os.getpid()
    try:
        fields = (proc / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # since the machine started
    except (OSError, ValueError, IndexError):
        return None
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)


def os_error_text(error: OSError) -> str:
    """The system's message, and the path."""
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}"
