"""One job on its way: published, and waited for until all have answered or are missing.

Returns come by events and from the job cache, where one is found whose event was lost. Neither
tells who sent it: what counts is decided by :mod:`~saltext_mip.bridge.verification`. A minion that
is busy is waited for until the deadline; who is missing is decided by
:mod:`~saltext_mip.bridge.liveness`.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from saltext_mip import wire
from saltext_mip.bridge.liveness import Liveness, is_running
from saltext_mip.bridge.verification import OURS, PlainReturns, SignedReturns
from saltext_mip.pusher.context import Progress
from saltext_mip.pusher.reachability import Evidence, Outcome
from saltext_mip.signing import SignedPage
from saltext_mip.text import first_of

REMEMBERED = 3  # rounds of questions to which late answers are looked for
PROGRESS_INTERVAL = 2.0  # seconds between two calls of progress
NAMED = 10  # nodes that progress names
SMALL = 100  # bytes of an answer that is true or false
INTERRUPTED = "salt/event/exit"  # not below the tag that is listened to: no minion can send it
LISTENED = 0.5  # seconds at most that events are read before the job cache is looked at again

_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,40}")

Returns = PlainReturns | SignedReturns


class Master(Protocol):
    """What a job needs of Salt's master."""

    @property
    def opts(self) -> Mapping[str, Any]: ...

    def publish(
        self,
        function: str,
        targets: Sequence[str],
        arguments: Sequence[Any],
        keywords: Any,
        jid: str | None = None,
    ) -> tuple[str, frozenset[str]]:
        """Send a job; its id, and the targets that have an accepted key."""

    def returned(self, jid: str) -> Mapping[str, Any]:
        """What the job cache has of a job: ``{minion id: {"return", "retcode", …}}``."""

    def key_of(self, node: str) -> str | None:
        """The accepted public key of a minion."""


@dataclass(frozen=True)
class Call:
    """A function and its arguments. Those of a function of ours begin with the federation's name
    and the digest of its declaration."""

    function: str
    arguments: Sequence[Any] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        return self.function.startswith(OURS)


@dataclass(frozen=True)
class _Round:
    """A question to silent nodes whether they run the job."""

    jid: str
    returns: Returns
    asked: float


class Job:
    """One job. ``missing`` are nodes without an answer, and what is known of them."""

    def __init__(
        self,
        master: Master,
        bus: Any,
        call: Call,
        deadline: float,
        progress: Progress | None = None,
    ) -> None:
        self._master = master
        self._bus = bus
        self._call = call
        self._deadline = deadline
        self._progress = progress
        self._nonce = secrets.token_hex(32)
        self.returns = self._expect(call, self._nonce)
        self.missing: dict[str, Evidence] = {}
        self._began = time.monotonic()
        self._targets: frozenset[str] = frozenset()
        self._pending: set[str] = set()
        self._jids: list[str] = []
        self.sent: dict[str, set[str]] = {}  # the targets of each job id
        self.heard: dict[str, set[str]] = {}  # the nodes whose return came as an event
        self._rounds: list[_Round] = []
        self._signs: set[tuple[str, str]] = set()
        self._versions: dict[str, str] = {}
        self._liveness = Liveness(time.monotonic(), float(master.opts["gather_job_timeout"]))
        self._next_progress = time.monotonic() + PROGRESS_INTERVAL

    @property
    def forged(self) -> dict[str, int]:
        """How many forged returns were ignored, by the node in whose name they came."""
        counts: Counter[str] = Counter()
        for returns in (self.returns, *(each.returns for each in self._rounds)):
            counts.update(returns.forged)
        return dict(counts)

    def run(self, targets: Sequence[str]) -> None:
        """Send it, and wait."""
        sent = self._send(self._call, targets, self._nonce)
        self.missing |= {
            target: Evidence(self._call.function, "unsent")
            for target in targets
            if target not in sent
        }
        self._targets = frozenset(targets) & sent
        self._pending = set(self._targets)
        while self._pending:
            now = time.monotonic()
            self._read_cache()
            self._take_signs(now)
            verdicts = self._liveness.end(now, self._pending, _load())
            self._give_up(now, verdicts.missing)
            self._send_again(verdicts.again & self._pending)
            # A look reads the answers of all minions: with a thousand, not once for each event.
            rest = now + 2 * (time.monotonic() - now)
            if self._pending and self._liveness.due(now):
                self._begin_round(now)
            if self._pending:
                self._report_progress(now)
                self._listen(rest)

    # -- what is sent

    def _expect(self, call: Call, nonce: str) -> Returns:
        if not call.ours:
            return PlainReturns()
        return SignedReturns(self._master.key_of, call.arguments[0], call.function, nonce)

    def _send(
        self, call: Call, targets: Sequence[str], nonce: str, jid: str | None = None
    ) -> frozenset[str]:
        keywords = {**call.keywords, "nonce": nonce} if call.ours else call.keywords
        jid, sent = self._publish(call.function, targets, call.arguments, keywords, jid)
        if jid not in self._jids:
            self._jids.append(jid)
        return sent

    def _publish(
        self,
        function: str,
        targets: Sequence[str],
        arguments: Sequence[Any],
        keywords: Any,
        jid: str | None = None,
    ) -> tuple[str, frozenset[str]]:
        jid, sent = self._master.publish(function, targets, arguments, keywords, jid)
        self.sent.setdefault(jid, set()).update(sent)
        return jid, sent

    def _send_again(self, nodes: frozenset[str]) -> None:
        """To nodes that are there and do not run it: they lost it, or their answer was lost.

        A minion that has had the job does nothing with its id: so where a forged return has the
        place of the answer in the job cache, and the event was lost, it gets another id.
        """
        if not nodes:
            return
        displaced = nodes & {*self.returns.forged, *self.returns.unsigned, *self.returns.trimmed}
        if displaced:
            self._send(self._call, sorted(displaced), self._nonce)
        if rest := nodes - displaced:
            self._send(self._call, sorted(rest), self._nonce, self._jids[0])

    def _begin_round(self, now: float) -> None:
        """Ask whom we wait for whether they run the job; of ours, with a signed answer."""
        self._liveness.begin(now, self._pending)
        pending = sorted(self._pending)
        nonce = secrets.token_hex(32)
        if self._call.ours:
            call = Call(OURS + "running", self._call.arguments[:2], {"jids": self._jids})
            keywords = {**call.keywords, "nonce": nonce}
        else:
            call = Call("saltutil.find_job", [self._jids[0]])
            keywords = {}
        jid, _ = self._publish(call.function, pending, call.arguments, keywords)
        self._rounds.append(_Round(jid, self._expect(call, nonce), now))
        self._ask_versions()

    def _ask_versions(self) -> None:
        """What a node without signatures reports as its version: only for a message."""
        if nodes := sorted(self.returns.unsigned & self._pending - self._versions.keys()):
            jid, _ = self._publish("test.versions_information", nodes, [], {})
            self._versions |= dict.fromkeys(nodes, jid)

    # -- what arrives

    def _listen(self, rest: float) -> None:
        """Until something of a job is on the bus, a tenth of a second at most; not before rest.

        What is there already is read at once: many forged returns do not hold up an answer.
        """
        arrived = self._hear(wait=0.1)
        until = time.monotonic() + LISTENED
        while arrived and self._pending and time.monotonic() < until:
            arrived = self._hear(no_block=True)
        while self._pending and (left := rest - time.monotonic()) > 0:
            self._hear(wait=left)

    def _hear(self, **how: Any) -> bool:
        """Take one event; whether there was one. :class:`KeyboardInterrupt`, of which Salt makes
        an event."""
        event = self._bus.get_event(tag="salt/job/", full=True, auto_reconnect=True, **how)
        if event is None:
            return False
        if event["tag"] == INTERRUPTED:
            raise KeyboardInterrupt
        self._heard(event["data"])
        return True

    def _heard(self, event: Any) -> None:
        if not isinstance(event, Mapping) or "return" not in event:
            return
        node, jid = event.get("id"), event.get("jid")
        if not isinstance(node, str) or node not in self._targets:
            return
        if isinstance(jid, str) and jid in self.sent:
            self.heard.setdefault(jid, set()).add(node)
        if jid in self._jids:
            self._take(node, event, cached=False)
        for each in self._rounds:
            if each.jid == jid:
                each.returns.take(node, event, cached=False)

    def _read_cache(self) -> None:
        for jid in self._jids:
            for node, answer in self._returned(jid):
                if node in self._pending:
                    self._take(node, answer, cached=True)

    def _returned(self, jid: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for node, answer in self._master.returned(jid).items():
            if node in self._targets and isinstance(answer, Mapping) and "return" in answer:
                yield node, answer

    def _take(self, node: str, answer: Mapping[str, Any], *, cached: bool) -> None:
        if self.returns.take(node, answer, cached=cached):
            self._pending.discard(node)

    def _take_signs(self, now: float) -> None:
        for each in self._rounds[-REMEMBERED:]:
            for node, answer in self._returned(each.jid):
                each.returns.take(node, answer, cached=True)
            for node in each.returns.found:
                if (each.jid, node) not in self._signs:
                    self._signs.add((each.jid, node))
                    runs = _runs(each.returns, node)
                    self._liveness.sign(node, now, asked=each.asked, runs=runs)

    # -- whom we wait for no longer

    def _report_progress(self, now: float) -> None:
        """Now and then, whom we wait for."""
        if self._progress and now >= self._next_progress:
            self._next_progress = now + PROGRESS_INTERVAL
            self._progress(f"waiting for {first_of(sorted(self._pending), NAMED)}")

    def _give_up(self, now: float, missing: Mapping[str, Outcome]) -> None:
        for node in sorted(self._pending):
            if node in missing or now >= self._deadline:
                late: Outcome = "running" if self._liveness.runs(node) else "waiting"
                self.missing[node] = self._evidence(node, now, missing.get(node, late))
                self._pending.discard(node)

    def _evidence(self, node: str, now: float, outcome: Outcome) -> Evidence:
        unsigned = node in self.returns.unsigned
        return Evidence(
            self._call.function,
            outcome,
            seconds=now - self._began,
            unsigned=unsigned,
            answered=self.returns.texts.get(node, "") if unsigned else "",
            trimmed=node in self.returns.trimmed,
            version=self._version(node) if unsigned else None,
        )

    def _version(self, node: str) -> str | None:
        """The version of this package that a node has, or else claims to have."""
        for question in self._rounds:
            if isinstance(page := question.returns.found.get(node), SignedPage):
                return page.version
        jid = self._versions.get(node)
        for each, answer in self._returned(jid) if jid else ():
            found = answer["return"]
            extensions = found.get("Salt Extensions") if isinstance(found, Mapping) else None
            version = extensions.get("saltext-mip") if isinstance(extensions, Mapping) else None
            if each == node and isinstance(version, str) and _VERSION.fullmatch(version):
                return version
        return None


def _runs(returns: Returns, node: str) -> bool:
    """Whether a node that answered runs the job; one that could not tell is there, and may."""
    if isinstance(returns, PlainReturns):
        return is_running(returns.found[node].value) is not False
    page = returns.found[node]
    if page.failed:
        return True
    try:
        return wire.inflate("".join(page.parts), limit=SMALL) is not False
    except wire.Damaged:
        return True


def _load() -> float:
    """How many processes want each processor of the pusher, over the last minute."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)
