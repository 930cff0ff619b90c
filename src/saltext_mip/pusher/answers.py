"""Trust in a node's answer: who answered, what counts, and text that is safe to show."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from saltext_mip import rules
from saltext_mip.errors import BadAnswer, NodesFailed, NodesMissing
from saltext_mip.federation import Node
from saltext_mip.problems import Problem
from saltext_mip.pusher.reachability import Reason, of_version, versions
from saltext_mip.schemas.decoding import decode
from saltext_mip.text import shown

ERROR_LENGTH = 300
REASON_LENGTH = 600  # two fingerprints of keys, and what they are


def require(answers: Answers, ids: Sequence[str]) -> None:
    """Raise if one of these nodes did not answer or failed."""
    if missing := [node for node in ids if node in answers.missing]:
        why = " ".join(
            f"{node}: {answers.missing[node]}. {hint(answers, node)}" for node in missing
        )
        raise NodesMissing(why, nodes=", ".join(missing))
    if failed := [node for node in ids if node in answers.failed]:
        why = "; ".join(f"{node}: {sanitize(answers.failed[node])}" for node in failed)
        raise NodesFailed(why, nodes=", ".join(failed))


def unanswered(answers: Answers, nodes: Iterable[Node], missing: str, failed: str) -> list[Problem]:
    """One problem per node without a usable answer: of rule ``missing`` or of rule ``failed``,
    or of that which is known to be the reason."""
    problems = []
    for node in nodes:
        if reason := reason_of(answers, node.id, missing, failed):
            problems.append(Problem(reason.rule, node=node.id, about=reason.about))
    return problems


def reason_of(answers: Answers, node: str, missing: str, failed: str) -> Reason | None:
    """Why a node gave no usable answer; ``None`` if it did. Of rule ``missing`` or of rule
    ``failed`` where no other is known."""
    if node in answers.missing:
        return answers.reasons.get(node) or Reason(missing, sanitize(answers.missing[node]))
    if node not in answers.failed:
        return None
    error = sanitize(answers.failed[node])
    if node not in answers.invalid:
        return Reason(failed, error)
    version = answers.versions.get(node)
    if (rule := of_version(version)) and version:
        return Reason(rule, f"{versions(version)}: {error}")
    return Reason("InvalidAnswer", error)


def hint(answers: Answers, node: str) -> str:
    """What to do about a node that is missing."""
    reason = answers.reasons.get(node)
    return rules.hint(reason.rule if reason else "NodeMissing", node)


def invalid(error: BadAnswer) -> Problem:
    """The problem of a node whose answer is invalid."""
    return Problem("InvalidAnswer", node=error.facts["node"], about=sanitize(str(error)))


def sanitize(text: str, most: int = ERROR_LENGTH) -> str:
    """A node's text, shortened, on one line, control characters escaped."""
    return shown(" ".join(text.split()), most)


def reasons(answers: Answers) -> dict[str, str]:
    """Why each of the others gave no usable answer, as a sentence."""
    missing = {node: sanitize(why, REASON_LENGTH) for node, why in answers.missing.items()}
    return missing | {node: sanitize(why) for node, why in answers.failed.items()}


@dataclass(frozen=True)
class Answers:
    """Values by minion id, and why other nodes have none: ``missing`` or ``failed``.

    ``invalid``: those of ``failed`` whose answer was none that this version of the package sends.
    ``forged``: how many answers in a node's name were not its own, and were ignored. ``versions``
    of this package, of the nodes that signed their answers. ``reasons``: why those of ``missing``
    are, where that was looked into.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    forged: Mapping[str, int] = field(default_factory=dict)
    invalid: frozenset[str] = frozenset()
    versions: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, Reason] = field(default_factory=dict)

    def decoded(self, kind: Any, *, required: Collection[str] = ()) -> Answers:
        """The same with each value as one of the type ``kind``.

        A node whose value is invalid has failed; :class:`BadAnswer` if it is ``required``.
        """
        values, failed, invalid = {}, dict(self.failed), set(self.invalid)
        for node, value in self.values.items():
            try:
                values[node] = decode(kind, value, node=node)
            except BadAnswer as exc:
                if node in required:
                    raise
                failed[node] = str(exc)
                invalid.add(node)
        return replace(self, values=values, failed=failed, invalid=frozenset(invalid))
