"""Trust in a node's answer: who answered, what counts, and text that is safe to show."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from saltext_mip.errors import BadAnswer, NodesFailed, NodesMissing
from saltext_mip.federation import Node
from saltext_mip.problems import Problem
from saltext_mip.schemas.decoding import decode
from saltext_mip.text import shown

ERROR_LENGTH = 300


def require(answers: Answers, ids: Sequence[str]) -> None:
    """Raise if one of these nodes did not answer or failed."""
    if missing := [node for node in ids if node in answers.missing]:
        why = "; ".join(f"{node}: {answers.missing[node]}" for node in missing)
        raise NodesMissing(
            f"{why}. Check its network, power and salt-minion.", nodes=", ".join(missing)
        )
    if failed := [node for node in ids if node in answers.failed]:
        why = "; ".join(f"{node}: {sanitize(answers.failed[node])}" for node in failed)
        raise NodesFailed(why, nodes=", ".join(failed))


def unanswered(answers: Answers, nodes: Iterable[Node], missing: str, failed: str) -> list[Problem]:
    """One problem per node without a usable answer: of rule ``missing`` or of rule ``failed``,
    or ``InvalidAnswer``."""
    problems = []
    for node in nodes:
        if node.id in answers.missing:
            problems.append(
                Problem(missing, node=node.id, about=sanitize(answers.missing[node.id]))
            )
        elif node.id in answers.failed:
            rule = "InvalidAnswer" if node.id in answers.invalid else failed
            problems.append(Problem(rule, node=node.id, about=sanitize(answers.failed[node.id])))
    return problems


def invalid(error: BadAnswer) -> Problem:
    """The problem of a node whose answer is invalid."""
    return Problem("InvalidAnswer", node=error.facts["node"], about=sanitize(str(error)))


def sanitize(text: str) -> str:
    """A node's text, shortened, on one line, control characters escaped."""
    return shown(" ".join(text.split()), ERROR_LENGTH)


@dataclass(frozen=True)
class Answers:
    """Values by minion id, and why other nodes have none: ``missing`` or ``failed``.

    ``invalid``: those of ``failed`` whose answer was none that this version of the package sends.
    ``forged``: how many answers in a node's name were not its own, and were ignored. ``versions``
    of this package, of the nodes that signed their answers.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    forged: Mapping[str, int] = field(default_factory=dict)
    invalid: frozenset[str] = frozenset()
    versions: Mapping[str, str] = field(default_factory=dict)

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
