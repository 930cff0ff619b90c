"""Errors of execution modules: one sentence, never the text of a library's exception.

Salt returns an exception's text and traceback to the master, and a library's text may quote a value
that it refused. So an unexpected error is reported by its kind and place only.
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


def os_error_text(error: OSError) -> str:
    """The system's message, and the path."""
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}"
