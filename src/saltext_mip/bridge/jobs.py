"""Ask minions: one job to all targets; the answers verified, unpacked, and by minion id.

This is the only place that publishes to minions. How a job is waited for is in
:mod:`~saltext_mip.bridge.job`, what counts as a node's answer in
:mod:`~saltext_mip.bridge.verification`.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import salt.cache
import salt.client
import salt.utils.event
import salt.utils.jid

from saltext_mip import wire
from saltext_mip.bridge.job import Call, Job
from saltext_mip.bridge.presence import Presence
from saltext_mip.bridge.verification import OURS, PlainReturns
from saltext_mip.pusher.answers import Answers
from saltext_mip.pusher.context import Progress
from saltext_mip.pusher.reachability import Evidence, Reason, reasons, texts
from saltext_mip.signing import SignedPage
from saltext_mip.storage.state import LATE_JOBS

log = logging.getLogger(__name__)

WRITTEN = 2.0  # seconds until a return that was announced is in the job cache
SETTLED = 10.0  # seconds after which the folder of a job with late answers is removed
LATE = 3600.0  # seconds for which late answers to a job are looked for
PAGES_WITHIN = 60.0  # seconds that all further pages of an answer have at least, of 8 MB at most


class Nodes:
    """The federation's minions, as the pusher reaches them. ``opts`` are the Salt master's.

    ``addresses`` are the declared ones, by minion id; ``heard``: when each was last heard of.
    """

    def __init__(
        self,
        opts: Mapping[str, Any],
        *,
        timeout: float = 300.0,
        addresses: Mapping[str, str] | None = None,
        heard: Callable[[], Mapping[str, datetime]] = dict,
    ) -> None:
        self.opts = dict(opts)
        self._timeout = timeout
        self._client = salt.client.LocalClient(mopts=self.opts)
        cache = self.opts["master_job_cache"]
        self._get_jid = self._client.returners[f"{cache}.get_jid"]
        self._job_cache = JobCache(self.opts)
        self._keys = salt.cache.Cache(self.opts, driver=self.opts["keys.cache_driver"])
        self._presence = Presence(self.opts, self._keys, addresses or {}, heard)

    def __enter__(self) -> Nodes:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.destroy()
        self._job_cache.remove_late()

    def ask(
        self,
        function: str,
        targets: Sequence[str],
        arguments: Sequence[Any] = (),
        *,
        timeout: float | None = None,
        progress: Progress | None = None,
        **keywords: Any,
    ) -> Answers:
        """Run ``function`` on ``targets`` at once and wait for all, as plain values.

        Of a function of ``federation_node`` only answers that their nodes signed count; the
        further pages of large ones are fetched. Its first two ``arguments`` are the federation's
        name and digest.
        """
        call = Call(function, arguments, keywords)
        deadline = time.monotonic() + (timeout or self._timeout)
        job = self._job(call, targets, deadline, progress)
        why = self._why(job.missing, len(targets))
        if isinstance(job.returns, PlainReturns):
            return _plain(job.returns, why)
        answers = _Unpacked(why, job.forged)
        for node, first in job.returns.found.items():
            pages = [first]
            until = max(deadline, time.monotonic() + PAGES_WITHIN)
            try:
                while len(pages) < first.pages:
                    following = [*arguments[:2], first.sha256, len(pages)]
                    more = self._job(Call(OURS + "page", following), [node], until, None)
                    page = answers.page_of(node, more, self._why(more.missing, 1))
                    if page is None:
                        break
                    pages.append(page)
                else:
                    answers.unpack(node, pages)
            except wire.Damaged as exc:
                answers.failed[node] = f"its response cannot be decoded: {exc}"
                answers.invalid.add(node)
        for node, count in answers.forged.items():
            log.warning("mip: %d forged answers of %s to %s were ignored", count, node, function)
        return Answers(
            answers.values,
            texts(answers.missing),
            answers.failed,
            dict(answers.forged),
            frozenset(answers.invalid),
            {node: page.version for node, page in job.returns.found.items()},
            answers.missing,
        )

    def _why(self, evidence: Mapping[str, Evidence], asked: int) -> dict[str, Reason]:
        """Why these of the nodes that were asked gave no usable answer."""
        if not evidence:
            return {}
        completed = self._presence.completed(evidence)
        faults = self._presence.faults() if len(evidence) == asked else ()
        return reasons(completed, asked, faults)

    def _job(
        self, call: Call, targets: Sequence[str], deadline: float, progress: Progress | None
    ) -> Job:
        with salt.utils.event.get_event("master", opts=self.opts, listen=True) as bus:
            job = Job(self, bus, call, deadline, progress)
            try:
                if targets:
                    job.run(targets)
            finally:
                for jid, sent in job.sent.items():
                    self._job_cache.remove(jid, sent, job.heard.get(jid, ()))
            return job

    def publish(
        self,
        function: str,
        targets: Sequence[str],
        arguments: Sequence[Any],
        keywords: Any,
        jid: str | None = None,
    ) -> tuple[str, frozenset[str]]:
        """Send a job; its id, and the targets that have an accepted key.

        With the ``jid`` of a job that was sent before, a minion that has had it does nothing.
        """
        jid = jid or salt.utils.jid.gen_jid(self.opts)
        sent = self._client.run_job(
            list(targets),
            function,
            list(arguments),
            tgt_type="list",
            jid=jid,
            kwarg=keywords,
            listen=False,
        )
        return jid, frozenset(sent.get("minions", ())) if sent else frozenset()

    def key_of(self, node: str) -> str | None:
        """The accepted public key of a minion, from wherever this Salt master keeps it.

        It is read each time: a key may be deleted or replaced while a command runs.
        """
        found = self._keys.fetch("keys", node)
        return str(found["pub"]) if found and found.get("state") == "accepted" else None

    def returned(self, jid: str) -> dict[str, Any]:
        """What the job cache has of a job: ``{minion id: {"return", "retcode", …}}``."""
        found: dict[str, Any] = self._get_jid(jid)
        return found


class _Unpacked:
    """The answers of one job as plain values, and what became of the others."""

    def __init__(self, missing: Mapping[str, Reason], forged: Mapping[str, int]) -> None:
        self.values: dict[str, Any] = {}
        self.failed: dict[str, str] = {}
        self.invalid: set[str] = set()
        self.missing = dict(missing)
        self.forged = Counter(forged)

    def page_of(self, node: str, job: Job, why: Mapping[str, Reason]) -> SignedPage | None:
        """The further page that a node answered; ``None`` if it did not (``why``), or failed."""
        self.missing |= why
        self.forged.update(job.forged)
        page = job.returns.found.get(node)
        if not isinstance(page, SignedPage):
            return None
        if page.failed:
            self.unpack(node, [page])
            return None
        return page

    def unpack(self, node: str, pages: Sequence[SignedPage]) -> None:
        """Take the value of all its pages; :class:`~saltext_mip.wire.Damaged` if it is none."""
        value = wire.whole([wire.check_page(vars(page)) for page in pages])
        if pages[0].failed:
            self.failed[node] = _reason(value)
        else:
            self.values[node] = value


def _plain(returns: PlainReturns, missing: Mapping[str, Reason]) -> Answers:
    """Returns of one of Salt's own functions: nothing but who is alive is concluded from them."""
    values: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for node, found in returns.found.items():
        if found.failed:
            failed[node] = _reason(found.value)
        else:
            values[node] = found.value
    return Answers(values, texts(missing), failed, reasons=missing)


def _reason(value: Any) -> str:
    """Why a function failed, from what it returned."""
    return str(value).strip().removeprefix("ERROR: ") or "no reason given"


class JobCache:
    """Salt's local job cache, from which our own jobs are removed once they are read.

    Salt keeps each job for a day, in a folder of small files: with a job a minute that is gigabytes
    (https://github.com/saltstack/salt/issues/55295). Only jobs that this program sent are removed,
    each by its id. Salt announces a return before it writes it, so a folder is removed when the
    returns that were heard are in it. A node that answers later makes the folder again: such jobs
    are noted, and later commands remove what came of them. A cache of another kind is left alone.
    """

    def __init__(
        self,
        opts: Mapping[str, Any],
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._local = opts["master_job_cache"] == "local_cache"
        self._jobs = Path(opts["cachedir"]) / "jobs"
        self._late = Path(opts["cachedir"]) / LATE_JOBS
        self._hash = opts["hash_type"]
        self._now, self._sleep = now, sleep

    def remove(self, jid: str, targets: Collection[str], heard: Collection[str]) -> None:
        """The job was sent to ``targets``; the returns of those that were ``heard`` are read."""
        if not self._local:
            return
        folder = self._folder(jid)
        until = time.monotonic() + WRITTEN
        while not all(_is_written(folder / node) for node in heard):
            if time.monotonic() >= until:
                break
            self._sleep(0.01)
        if not all(_is_written(folder / node) for node in targets):
            with suppress(OSError):  # on a full disk Salt removes it, after a day
                self._late.mkdir(mode=0o700, parents=True, exist_ok=True)
                (self._late / jid).touch(mode=0o600)
        shutil.rmtree(folder, ignore_errors=True)  # a return that comes meanwhile is a late one

    def remove_late(self) -> None:
        """What came of late answers to earlier jobs."""
        if not self._local or not self._late.is_dir():
            return
        for note in self._late.iterdir():
            try:
                age = self._now() - note.stat().st_mtime
            except FileNotFoundError:  # another command removed it
                continue
            if age > SETTLED:
                shutil.rmtree(self._folder(note.name), ignore_errors=True)
            if age > LATE or age < -LATE:  # or the clock was set back
                note.unlink(missing_ok=True)

    def _folder(self, jid: str) -> Path:
        return Path(salt.utils.jid.jid_dir(jid, str(self._jobs), self._hash))


def _is_written(node: Path) -> bool:
    """Whether the return of a node is there, which Salt writes as a whole."""
    return (node / "return.p").is_file()
