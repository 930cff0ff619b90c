"""
The controller: it refreshes a federation on request, and now and then without one.

It does not listen on the bus: requests are files that reactions and operators leave. Each
federation of the pillar has its timers (``reactor`` in the pillar) and at most one refresh at a
time, in a process of its own. ``salt-run mip.setup`` puts it into the master's configuration:

.. code-block:: yaml

    engines:
      - mip: {}
"""

import logging
import multiprocessing
import random
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from salt.utils.process import appendproctitle

from saltext_mip.bridge.execution import os_error_text
from saltext_mip.bridge.pillar import declared
from saltext_mip.bridge.pusher import open_pusher
from saltext_mip.controller.loop import Controller
from saltext_mip.controller.requests import Declared, Requests
from saltext_mip.errors import MipError
from saltext_mip.generations.store import Store
from saltext_mip.pusher import control, refresh, roles
from saltext_mip.pusher.services import drain
from saltext_mip.storage.lock import release_in_fork

__virtualname__ = "mip"

log = logging.getLogger(__name__)

DECLARED_EVERY = 120.0  # seconds after which the pillar is compiled again
ACTOR = "controller"


def __virtual__():
    return __virtualname__


def start(interval=0.5):
    """
    Run until the master ends it.

    interval
        Seconds after which requests and the clock are checked again.
    """
    controllers = {}
    reported = {}
    due = 0.0
    while True:
        now = time.monotonic()
        if now >= due:
            due = now + DECLARED_EVERY
            controllers = _controllers(controllers)
        for name, controller in controllers.items():
            try:
                controller.prepare()
                action = controller.tick(time.time(), random.random())  # noqa: S311 - no secret
            except (MipError, OSError) as exc:
                _report_once(reported, name, exc)
                continue
            if reported.pop(name, None) is not None:
                log.info("mip: the controller of %s works again", name)
            if action != "nothing":
                log.info("mip: %s of %s begins", action, name)
        time.sleep(interval)


def _report_once(reported, name, error):
    """Log an error of a federation's controller, which waits, when it begins and when it changes.

    What has no room on a disk, for instance, fails twice a second.
    """
    text = str(error)
    if isinstance(error, OSError):
        text = f"waiting, since its state cannot be used: {os_error_text(error)}"
    if reported.get(name) != text:
        reported[name] = text
        log.error("mip: the controller of %s: %s", name, text)


def _controllers(before):
    """One for each declared federation; existing ones are kept."""
    try:
        found = declared(__opts__)
    except (MipError, OSError) as exc:
        log.error("mip: the last declaration remains in use: %s", exc)
        return before
    root = Path(__opts__["root_dir"])
    controllers = {}
    for name, federation in found.items():
        state = federation.state(root)
        controllers[name] = before.get(name) or _controller(name, state)
        controllers[name].declare(Declared.of(federation))
    for name in before.keys() - controllers.keys():
        before[name].release()
    return controllers


def _controller(name, state):
    store = Store(state)
    return Controller(
        state,
        _starter(name, state),
        lambda: control.suspended(store, _now()) is not None,
        lambda: frozenset(drain.expired(store, _now())),
    )


def _now():
    return datetime.now(UTC)


def _starter(name, state):
    def start_action(action, run, asked):
        context = multiprocessing.get_context("fork")
        work = context.Process(target=_work, args=(name, state, action, run, asked))
        work.start()
        return work

    return start_action


def _work(name, state, action, run, asked):
    """One action, in a process of its own; its outcome is on disk."""
    release_in_fork()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    appendproctitle(f"{action} of {name}")
    try:
        with open_pusher(__opts__, name) as opened:
            person = Requests(state).person() if action == "refresh" else None
            pusher = replace(opened, actor=f"{ACTOR} for {person}" if person else ACTOR)
            Declared.of(pusher.federation).save(pusher.state)
            if action == "refresh":
                refresh.refresh(pusher, refresh.RefreshRequest(run=run, asked=asked))
            else:
                roles.sync_roles(pusher)
    except MipError as exc:
        log.warning("mip: %s of %s: %s", action, name, exc)
        if action == "refresh":
            refresh.record_not_started(state, run, exc, _now().isoformat(timespec="seconds"))
        raise SystemExit(1) from None
    except OSError as exc:  # its state cannot be written, nor can an outcome be recorded there
        log.warning("mip: %s of %s: %s", action, name, os_error_text(exc))
        raise SystemExit(1) from None
