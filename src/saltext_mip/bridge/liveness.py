"""Which of the minions that have not answered yet are missing: decided on evidence, not on time.

A busy minion, or a busy pusher, is slow to answer anything: a job is a process of its own on the
minion, and so is the question whether it runs. So silent minions are asked in rounds
(``saltutil.find_job``), each as long as Salt's own ``gather_job_timeout``, and longer where other
answers are slow at the moment or the pusher is overloaded. A minion is missing when two rounds in
a row had no sign of it. One that is there but neither runs the job nor answers lost it: the job is
sent to it again, once.

Nothing in here reads a clock or Salt: moments and answers come as arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from saltext_mip.pusher.reachability import Outcome

GRACE = 1.0  # seconds until the first round: what answers at once is not asked
PAUSE = 10.0  # seconds between rounds while all that are waited for run the job
ROUNDS = 2  # rounds in a row without a sign, or without the job, that count as evidence
SLOWEST = 3.0  # a load above this many per processor changes nothing any more


@dataclass(frozen=True)
class Verdicts:
    """What a round came to: nodes that are missing and why, and nodes to send the job again."""

    missing: Mapping[str, Outcome] = field(default_factory=dict)
    again: frozenset[str] = frozenset()


class Liveness:
    """The rounds of one job. ``round_seconds`` is Salt's ``gather_job_timeout``."""

    def __init__(self, start: float, round_seconds: float) -> None:
        self._base = round_seconds
        self._next = start + GRACE
        self._began: float | None = None
        self._asked: frozenset[str] = frozenset()
        self._signs: dict[str, bool] = {}
        self._running: dict[str, bool] = {}
        self._silent: dict[str, int] = {}
        self._without: dict[str, int] = {}
        self._resent: set[str] = set()
        self._slowest = 0.0

    def due(self, now: float) -> bool:
        """Whether a round has to begin now."""
        return self._began is None and now >= self._next

    def begin(self, now: float, pending: Iterable[str]) -> None:
        """``pending`` are being asked whether they run the job."""
        self._began = now
        self._asked = frozenset(pending)
        self._signs = {}

    def sign(self, node: str, now: float, *, asked: float, runs: bool) -> None:
        """A node answered whether it runs the job; a late answer to an earlier round is one too.

        So is that of a node that has answered the job meanwhile: it tells how slow nodes are now.
        """
        self._slowest = max(self._slowest, now - asked)
        self._signs[node] = runs
        self._running[node] = runs

    def runs(self, node: str) -> bool:
        """Whether a node's last sign was that it runs the job."""
        return bool(self._running.get(node))

    def seconds(self, load: float) -> float:
        """How long a round lasts; ``load`` is the pusher's, per processor."""
        return max(self._base, 2 * self._slowest) * min(max(load, 1.0), SLOWEST)

    def end(self, now: float, pending: Iterable[str], load: float) -> Verdicts:
        """The verdicts, once the round is over: all run the job, or its time is up."""
        if self._began is None:
            return Verdicts()
        waited = self._asked & frozenset(pending)
        if not all(self._signs.get(node) for node in waited):
            if now - self._began < self.seconds(load):
                return Verdicts()
            self._next = now
        else:
            self._next = now + PAUSE
        self._began = None
        missing: dict[str, Outcome] = {}
        again = set()
        for node in waited:
            runs = self._signs.get(node)
            self._silent[node] = self._silent.get(node, 0) + 1 if runs is None else 0
            self._without[node] = self._without.get(node, 0) + 1 if runs is False else 0
            if self._silent[node] >= ROUNDS:
                missing[node] = "silent"
            elif self._without[node] and node not in self._resent:
                self._resent.add(node)
                self._without[node] = 0
                again.add(node)
            elif self._without[node] >= ROUNDS:
                missing[node] = "lost"
        return Verdicts(missing, frozenset(again))


def is_running(answer: Any) -> bool | None:
    """What ``saltutil.find_job`` says of the job; ``None`` where it could not tell.

    An answer that is no dict is the text of an error: the node is there, and no more is known.
    """
    return bool(answer) if isinstance(answer, Mapping) else None
