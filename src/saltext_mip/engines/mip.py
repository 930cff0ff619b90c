"""
The controller: it refreshes a federation on request, and now and then without one. And the
observer: it observes the federation every ``watch: every`` seconds (``mip.status``).

The controller does not listen on the bus: requests are files that reactions and operators leave.
Each federation of the pillar has its timers (``reactor`` in the pillar) and at most one refresh at
a time, in a process of its own; each observation is in one of its own, too. ``salt-run mip.setup``
puts the engine into the master's configuration:

.. code-block:: yaml

    engines:
      - mip: {}
"""

import logging
import math
import multiprocessing
import os
import random
import resource
import signal
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from msgspec import to_builtins
from salt.exceptions import SaltException
from salt.utils.process import appendproctitle

from saltext_mip.bridge.execution import os_error_text
from saltext_mip.bridge.pillar import declared
from saltext_mip.bridge.pusher import open_pusher
from saltext_mip.controller.loop import Controller
from saltext_mip.controller.requests import Declared, Requests
from saltext_mip.errors import MipError
from saltext_mip.generations.store import Store
from saltext_mip.pusher import control, refresh, roles
from saltext_mip.pusher.generations import history
from saltext_mip.pusher.services import drain
from saltext_mip.storage.lock import release_in_fork
from saltext_mip.watch import channels, metrics, observation, outbox
from saltext_mip.watch.observer import Observer
from saltext_mip.watch.page import source
from saltext_mip.watch.page.settings import PageSettings
from saltext_mip.watch.settings import WatchSettings

__virtualname__ = "mip"

log = logging.getLogger(__name__)

DECLARED_EVERY = 120.0  # seconds after which the pillar is compiled again
LONGEST = 900.0  # seconds of one observation, which is ended then
SENDING = 120.0  # seconds of a process that sends notices or a heartbeat, which is ended then
MEMORY = 256 << 20  # bytes that such a process may use in addition
ACTOR = "controller"
OBSERVER = "observer"


def __virtual__():
    return __virtualname__


def start(interval=0.5):
    """
    Run until the master ends it.

    interval
        Seconds after which requests and the clock are checked again.
    """
    controllers, observers = {}, {}
    reported, controlled = {}, {}
    due = 0.0
    while True:
        now = time.monotonic()
        if now >= due:
            due = now + DECLARED_EVERY
            controllers, observers = _declare(controllers, observers)
        for name, controller in controllers.items():
            if _control(name, controller, reported):
                controlled[name] = now
        for name, observer in observers.items():
            try:
                observer.tick(now, time.time(), controlled.get(name, -math.inf))
            except OSError as exc:
                _report_once(reported, f"observer of {name}", exc)
        time.sleep(interval)


def _control(name, controller, reported):
    """One step of a controller; whether it was one without an error."""
    try:
        controller.prepare()
        action = controller.tick(time.time(), random.random())  # noqa: S311 - no secret
    except (MipError, OSError) as exc:
        _report_once(reported, f"controller of {name}", exc)
        return False
    if reported.pop(f"controller of {name}", None) is not None:
        log.info("mip: the controller of %s works again", name)
    if action != "nothing":
        log.info("mip: %s of %s begins", action, name)
    return True


def _report_once(reported, name, error):
    """Log an error of a controller or observer, which waits, when it begins and when it changes.

    What has no room on a disk, for instance, fails twice a second.
    """
    text = str(error)
    if isinstance(error, OSError):
        text = f"waiting, since its state cannot be used: {os_error_text(error)}"
    if reported.get(name) != text:
        reported[name] = text
        log.error("mip: the %s: %s", name, text)


def _declare(before, observing):
    """A controller and an observer for each declared federation; existing ones are kept."""
    try:
        found = declared(__opts__)
    except (MipError, OSError) as exc:
        log.error("mip: the last declaration remains in use: %s", exc)
        return before, observing
    root = Path(__opts__["root_dir"])
    controllers, observers = {}, {}
    for name, federation in found.items():
        state = federation.state(root)
        controllers[name] = before.get(name) or _controller(name, state)
        controllers[name].declare(Declared.of(federation))
        observers[name] = observing.get(name) or Observer(state)
        observers[name].declare(
            WatchSettings.of(federation), _Begin(federation, controllers[name].outcomes)
        )
    for name in before.keys() - controllers.keys():
        before[name].release()
    return controllers, observers


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


class _Begin:
    """Starts the observer's processes for the federation as it is declared now."""

    def __init__(self, federation, outcomes):
        self._federation = federation
        self._outcomes = outcomes  # of the controller's refreshes

    def observe(self, failing):
        return _process(_observe, self._federation, failing, dict(self._outcomes))

    def deliver(self, channel):
        state = self._federation.state(Path(__opts__["root_dir"]))
        return _process(_deliver, self._federation.name, state, channel)

    def beat(self, heartbeat):
        return _process(_beat, self._federation.name, heartbeat)


def _process(target, *args):
    work = multiprocessing.get_context("fork").Process(target=target, args=args)
    work.start()
    return work


def _become(title, seconds):
    """In a process of its own: what it is called, and how long it may run at most."""
    release_in_fork()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)  # then the system ends this process
    appendproctitle(title)
    os.nice(5)  # commands and refreshes come first


def _limit_memory():
    """What a server sends cannot use more than so much in addition."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _deliver(name, state, channel):
    """Send the notices that wait for one channel."""
    _become(f"notices of {name} to {channel.name}", SENDING)
    _limit_memory()
    try:
        outbox.deliver(state, channel.name, lambda each: channels.send(channel, each), time.time)
    except OSError as exc:
        log.warning("mip: notices of %s to %s: %s", name, channel.name, os_error_text(exc))
        raise SystemExit(1) from None


def _beat(name, heartbeat):
    """Request the heartbeat's address."""
    _become(f"heartbeat of {name}", SENDING)
    _limit_memory()
    try:
        channels.beat(heartbeat)
    except channels.SendFailed as exc:
        log.warning("mip: the heartbeat of %s: %s", name, exc)
        raise SystemExit(1) from None


def _observe(federation, failing, outcomes):
    """One observation, in a process of its own. Its error is logged unless the last one failed."""
    from saltext_mip.pusher.status import report  # loads Docker's SDK, which the engine spares

    _become(f"observation of {federation.name}", LONGEST)
    settings = WatchSettings.of(federation)
    try:
        with open_pusher(__opts__, federation.name, chosen=federation) as pusher:
            quiet = replace(pusher, actor=OBSERVER, progress=lambda _: None)
            began, at = time.monotonic(), _now()
            found = report.status(quiet)
            seconds = time.monotonic() - began
            status, changes = observation.record(
                quiet.state, found, at=at, seconds=seconds, every=settings.every
            )
            _write_files(federation, settings, quiet, status, outcomes)
            if settings.channels:
                outbox.take_in(quiet.state, status, time.time(), settings)
            for change in changes:
                quiet.record("condition", about=change.type, message=change.text, actor="")
                quiet.fire("condition", to_builtins(change))
    except (MipError, OSError, SaltException) as exc:
        text = os_error_text(exc) if isinstance(exc, OSError) else str(exc)
        log.log(
            logging.DEBUG if failing else logging.WARNING,
            "mip: %s is not observed; its last status remains: %s",
            federation.name,
            text,
        )
        raise SystemExit(1) from None


def _write_files(federation, settings, pusher, status, outcomes):
    """The metrics and what the page shows, where they are declared.

    That one of them cannot be written stops nothing else.
    """
    has_page = PageSettings.of(federation) is not None
    if settings.metrics is None and not has_page:
        return
    text = b""
    with _logged(f"the notices of {federation.name}"):
        names = [each.name for each in settings.senders]
        records = {name: outbox.record_of(pusher.state, name) for name in names}
        text = metrics.text(status, records, outcomes)
    if text and settings.metrics is not None:
        with _logged(f"the metrics of {federation.name}"):
            metrics.write(settings.metrics, text)
    if text and has_page:
        with _logged(f"the files of the page of {federation.name}"):
            source.write(pusher.state, status, lambda most: history.recent(pusher, most), text)


@contextmanager
def _logged(what):
    try:
        yield
    except OSError as exc:
        log.warning("mip: %s: %s", what, os_error_text(exc))
