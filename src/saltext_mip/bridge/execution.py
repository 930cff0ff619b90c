"""A node's errors as Salt's execution modules show them: one sentence, and never a library's words.

Salt returns an exception's words, and its traceback, to the master; a library's may quote the value
that it could not take. So what nobody expected is told by its kind and its place alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from salt.exceptions import CommandExecutionError

from saltext_mip.errors import MipError, Unexpected

log = logging.getLogger(__name__)


@contextmanager
def shaped_errors() -> Iterator[None]:
    """Whatever is raised below is a ``CommandExecutionError`` for people."""
    try:
        yield
    except MipError as exc:
        raise CommandExecutionError(str(exc)) from None
    except OSError as exc:
        raise CommandExecutionError(os_error_text(exc)) from None
    except Exception as exc:  # noqa: BLE001 - it is told, without its words
        told = Unexpected.of(exc)
        log.error("%s\n%s", str(told), "\n".join(told.frames))
        raise CommandExecutionError(str(told)) from None


def os_error_text(error: OSError) -> str:
    """What the system says, and of which path."""
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}"
