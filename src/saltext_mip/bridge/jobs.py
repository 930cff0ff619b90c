"""Ask minions: one job to all targets, answers read from the job cache.

This is the only place that publishes to minions. An event on the master's bus can be forged by
any minion, so it only means 'look'; the answer is read from the job cache, where the master attests
who sent it, and where an answer is found whose event was lost. A minion that is busy is waited for
until the deadline; who is missing is decided by :mod:`~saltext_mip.bridge.liveness`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import salt.client
import salt.utils.event
import salt.utils.jid

from saltext_mip import wire
from saltext_mip.bridge.liveness import Liveness, is_running
from saltext_mip.pusher.answers import Answers
from saltext_mip.pusher.context import Progress

REMEMBERED = 3  # rounds of questions to which late answers are looked for
PROGRESS_INTERVAL = 2.0  # seconds between two calls of progress
NAMED = 10  # nodes that progress names


class Nodes:
    """The federation's minions, as the pusher reaches them. ``opts`` are the Salt master's."""

    def __init__(self, opts: Mapping[str, Any], *, timeout: float = 300.0) -> None:
        self.opts = dict(opts)
        self._timeout = timeout
        self._client = salt.client.LocalClient(mopts=self.opts)
        cache = self.opts["master_job_cache"]
        self._get_jid = self._client.returners[f"{cache}.get_jid"]

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

        A packed value (:mod:`~saltext_mip.wire`) is unpacked, its further pages fetched; for these
        the first two ``arguments`` are the federation's name and digest, as ``mip_node`` has it.
        """
        answers = self._job(function, targets, arguments, timeout, progress, keywords)
        values: dict[str, Any] = {}
        missing, failed = dict(answers.missing), dict(answers.failed)
        for node, value in answers.values.items():
            if not wire.is_page(value):
                values[node] = value
                continue
            try:
                pages = [wire.check_page(value)]
                while len(pages) < pages[0]["pages"]:
                    following = [*arguments[:2], pages[0]["sha256"], len(pages)]
                    more = self._job("mip_node.page", [node], following, timeout, None, {})
                    missing.update(more.missing)
                    failed.update(more.failed)
                    if node not in more.values:
                        break
                    pages.append(wire.check_page(more.values[node]))
                else:
                    values[node] = wire.whole(pages)
            except wire.Damaged as exc:
                failed[node] = f"its answer did not arrive whole: {exc}"
        return Answers(values, missing, failed)

    def _job(
        self,
        function: str,
        targets: Sequence[str],
        arguments: Sequence[Any],
        timeout: float | None,
        progress: Progress | None,
        keywords: Mapping[str, Any],
    ) -> Answers:
        if not targets:
            return Answers()
        deadline = time.monotonic() + (timeout or self._timeout)
        with salt.utils.event.get_event("master", opts=self.opts, listen=True) as bus:
            job = _Job(self, bus, function, deadline, progress)
            return job.run(targets, arguments, keywords)

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

    def returned(self, jid: str) -> dict[str, Any]:
        """What the job cache has of a job: ``{minion id: {"return", "retcode", …}}``."""
        found: dict[str, Any] = self._get_jid(jid)
        return found


class _Job:
    """One job on its way."""

    def __init__(
        self, nodes: Nodes, bus: Any, function: str, deadline: float, progress: Progress | None
    ) -> None:
        self._nodes = nodes
        self._bus = bus
        self._function = function
        self._deadline = deadline
        self._progress = progress
        self._values: dict[str, Any] = {}
        self._failed: dict[str, str] = {}
        self._missing: dict[str, str] = {}
        self._pending: set[str] = set()
        self._signs: set[tuple[str, str]] = set()
        self._liveness = Liveness(time.monotonic(), float(nodes.opts["gather_job_timeout"]))
        self._next_progress = time.monotonic() + PROGRESS_INTERVAL

    def run(self, targets: Sequence[str], arguments: Sequence[Any], keywords: Any) -> Answers:
        jid, sent = self._nodes.publish(self._function, targets, arguments, keywords)
        for target in targets:
            if target not in sent:
                self._missing[target] = "the Salt master has no accepted key of that name"
        self._pending = {target for target in targets if target in sent}
        finds: list[tuple[str, float]] = []
        while self._pending:
            now = time.monotonic()
            self._collect(jid)
            for find, asked in finds[-REMEMBERED:]:
                self._take_signs(find, asked, now)
            verdicts = self._liveness.end(now, self._pending, _load())
            self._give_up(now, verdicts.missing)
            if again := sorted(verdicts.again & self._pending):
                self._nodes.publish(self._function, again, arguments, keywords, jid)
            # A look reads the answers of all minions: with a thousand, not once for each event.
            rest = now + 2 * (time.monotonic() - now)
            if self._pending and self._liveness.due(now):
                self._liveness.begin(now, self._pending)
                find, _ = self._nodes.publish("saltutil.find_job", sorted(self._pending), [jid], {})
                finds.append((find, now))
            if self._pending:
                self._report_progress(now)
                self._wait(rest)
        return Answers(self._values, self._missing, self._failed)

    def _report_progress(self, now: float) -> None:
        """Now and then, whom we wait for."""
        if self._progress and now >= self._next_progress:
            self._next_progress = now + PROGRESS_INTERVAL
            first = sorted(self._pending)[:NAMED]
            more = f" and {len(self._pending) - NAMED} more" if len(self._pending) > NAMED else ""
            self._progress(f"waiting for {', '.join(first)}{more}")

    def _wait(self, rest: float) -> None:
        """Until something of a job is on the bus, a tenth of a second at most; not before rest."""
        self._bus.get_event(wait=0.1, tag="salt/job/", auto_reconnect=True)
        while (left := rest - time.monotonic()) > 0:
            self._bus.get_event(wait=left, tag="salt/job/", auto_reconnect=True)

    def _collect(self, jid: str) -> None:
        for node, answer in self._nodes.returned(jid).items():
            if node not in self._pending or "return" not in answer:
                continue
            self._pending.discard(node)
            value = answer["return"]
            if answer.get("retcode", 0) or answer.get("success") is False:
                self._failed[node] = str(value).strip().removeprefix("ERROR: ") or "no reason given"
            else:
                self._values[node] = value

    def _take_signs(self, find: str, asked: float, now: float) -> None:
        for node, answer in self._nodes.returned(find).items():
            if "return" not in answer or (find, node) in self._signs:
                continue
            self._signs.add((find, node))
            # one that could not tell is there, and the job is not known to be lost
            runs = is_running(answer["return"]) is not False
            self._liveness.sign(node, now, asked=asked, runs=runs)

    def _give_up(self, now: float, missing: Mapping[str, str]) -> None:
        for node in sorted(self._pending):
            if now >= self._deadline:
                self._missing[node] = "it did not answer in time"
            elif node in missing:
                self._missing[node] = missing[node]
            else:
                continue
            self._pending.discard(node)


def _load() -> float:
    """How many processes want each processor of the pusher, over the last minute."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)
