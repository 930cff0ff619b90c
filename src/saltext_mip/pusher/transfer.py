"""Send a transaction's steps to the nodes as jobs; each content is sent once for all nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saltext_mip.problems import Problem
from saltext_mip.pusher.answers import Answers, sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.reachability import Reason
from saltext_mip.transaction import coordinator
from saltext_mip.transaction.journal import Journal
from saltext_mip.transaction.payload import Payload, pack


class Sender:
    """The function by which the transaction coordinator reaches this federation's nodes.

    It remembers why nodes were missing.
    """

    def __init__(self, pusher: Pusher) -> None:
        self._pusher = pusher
        self._reasons: dict[str, Reason] = {}

    def __call__(self, step: coordinator.Step, payloads: Mapping[str, Payload]) -> Answers:
        pusher = self._pusher
        targets = [node for node in pusher.federation.ids if node in payloads]
        gone = {node: "it is no longer declared" for node in payloads if node not in targets}
        if not targets:
            return Answers(missing=gone)
        pusher.progress(f"{_DOING[step]} {', '.join(targets)}")
        arguments: dict[str, Any] = {"transaction": next(iter(payloads.values())).transaction}
        if step == "stage":
            arguments["parts"] = pack(payloads)
        answers = pusher.ask(step, targets, **arguments)
        self._reasons |= answers.reasons
        failed = {node: sanitize(why) for node, why in answers.failed.items()}
        return Answers(answers.values, {**answers.missing, **gone}, failed)

    def problem(self, rule: str, node: str, why: str) -> Problem:
        """The problem of a node that did not take a step: of ``rule`` if no reason is known."""
        reason = self._reasons.get(node) or Reason(rule, sanitize(why))
        return Problem(reason.rule, node=node, about=reason.about)


def recover(pusher: Pusher) -> str | None:
    """Finish or undo an interrupted transaction; a note for the operator if there was one."""
    done = coordinator.recover(
        send=Sender(pusher), journal=Journal(pusher.state), store=pusher.store
    )
    if done is None:
        return None
    pusher.progress(str(done))
    pusher.record("recovered", message=str(done))
    return str(done)


_DOING: Mapping[str, str] = {
    "stage": "staging on",
    "commit": "committing on",
    "abort": "undoing on",
}
