"""Ask minions: one job to all targets; the answers verified, unpacked, and by minion id.

This is the only place that publishes to minions. How a job is waited for is in
:mod:`~saltext_mip.bridge.job`, what counts as a node's answer in
:mod:`~saltext_mip.bridge.verification`.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
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

log = logging.getLogger(__name__)

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
        self._keys = salt.cache.Cache(self.opts, driver=self.opts["keys.cache_driver"])
        self._presence = Presence(self.opts, self._keys, addresses or {}, heard)

    def __enter__(self) -> Nodes:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.destroy()

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
            if targets:
                job.run(targets)
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
