"""Signals that end a command: raised where the program is, never lost, without Python's own output.

It does not import Salt: the command ``mip`` is interruptible before it needs Salt.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
AGAIN = 0.05  # seconds until a signal whose exception Python dropped is sent again

_blocks: list[list[int]] = []  # what each block received that is entered, the outermost first


@contextmanager
def signals_raise() -> Iterator[list[int]]:
    """SIGINT raises :class:`KeyboardInterrupt` in the block, SIGTERM :class:`SystemExit`.

    Yields the list of the signals that were received. Blocks may be nested: the inner one receives,
    and begins by raising what the outer one received and a library caught, as some do on import.
    Outside the main thread nothing changes, since only that one receives signals.

    Python can only report an exception that is raised in a finalizer or in the callback of a weak
    reference (each import has some); it then goes on. Such a signal is sent to this process again.
    After a signal, errors of finalizers come from objects whose constructor it interrupted: they
    are not shown.
    """
    received: list[int] = []
    sent_again: list[threading.Timer] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    if _blocks:
        raise_received(_blocks[-1])

    def stop(number: int) -> None:
        received.append(number)
        raise_received([number])

    def report(unraisable: sys.UnraisableHookArgs) -> None:
        if not received:
            report_before(unraisable)
        elif issubclass(unraisable.exc_type, KeyboardInterrupt | SystemExit):
            again = threading.Timer(AGAIN, os.kill, (os.getpid(), received[-1]))
            again.daemon = True
            sent_again.append(again)
            again.start()

    report_before, sys.unraisablehook = sys.unraisablehook, report
    _blocks.append(received)
    try:
        with handled_by(stop):
            yield received
    finally:
        for each in sent_again:  # one that is late would end what comes after the block
            each.cancel()
        _blocks.pop()
        if received:
            # CPython ends by SIGINT if the last code that was executed as text (a namedtuple's, for
            # one) raised KeyboardInterrupt, also where it was caught: now that is this code
            exec("")  # noqa: S102
        sys.unraisablehook = report_before


@contextmanager
def handled_by(handler: Callable[[int], None]) -> Iterator[None]:
    """``handler`` is called with the number of each SIGINT and SIGTERM in the block."""

    def handle(number: int, _: FrameType | None) -> None:
        handler(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def raise_received(received: Collection[int]) -> None:
    """Raise what :func:`signals_raise` raises for these signals; nothing where there are none."""
    if signal.SIGTERM in received:
        raise SystemExit(TERMINATED)
    if received:
        raise KeyboardInterrupt


def ended_by_signal(command: Callable[[], int], received: Collection[int]) -> int:
    """The exit code of ``command``, also where a signal that was ``received`` ended it; to be
    called in such a block.

    What the exception held is released in here, while errors of finalizers are not shown.
    """
    try:
        try:
            return command()
        except Exception:  # what libraries make of an interrupt: a finally that fails, for one
            raise_received(received)
            raise
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as exc:
        if exc.code != TERMINATED:
            raise
        return TERMINATED
