"""The pusher's side of a two-phase commit: on all nodes, or on none.

:func:`run` stages on every node, and only when all have everything lets them commit, then records
the generation. :func:`recover`, which every command that changes something calls first, finishes
or undoes what a crash, a fault or Ctrl-C interrupted. How nodes are reached is the
caller's: ``send(step, payloads)``, with the steps ``stage``, ``commit`` and ``abort`` of
:mod:`saltext_mip.transaction.participant`, and a payload for each node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from saltext_mip.data.consolidation import documents
from saltext_mip.errors import MipError, NodeError, NodesFailed, NodesMissing, Refused
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.store import Store
from saltext_mip.transaction.journal import Journal, Pending
from saltext_mip.transaction.payload import Entry, Payload

if TYPE_CHECKING:
    from saltext_mip.data.consolidation.planner import Write

Step = Literal["stage", "commit", "abort"]


class Answers(Protocol):
    """Values by minion id, and the reasons why others have none."""

    @property
    def values(self) -> Mapping[str, Any]: ...
    @property
    def missing(self) -> Mapping[str, str]: ...
    @property
    def failed(self) -> Mapping[str, str]: ...


Send = Callable[[Step, Mapping[str, Payload]], Answers]


class CommitUnfinished(NodeError):
    """Everything is staged, but not committed on {nodes}: {message}. The next run finishes it."""

    permanent = False


class StateUnwritable(MipError):
    """The pusher cannot write {path}: {reason}. The next run finishes or undoes this one."""

    permanent = False


@dataclass(frozen=True)
class Recovered:
    """What became of an earlier, interrupted run. ``left`` are nodes that did not take part: the
    next plan sees what they have, and fixes it."""

    what: Literal["undone", "finished"]
    pending: Pending
    generation: int | None = None
    left: Mapping[str, str] | None = None

    def __str__(self) -> str:
        who = f"The run of {self.pending.actor} at {self.pending.when} was interrupted"
        left = f"; without {', '.join(sorted(self.left))}" if self.left else ""
        return f"{who}: {self.what} now{left}."


def run(
    writes: Iterable[Write],
    blobs: Mapping[str, bytes],
    *,
    generation: Generation | None,
    txn: str,
    actor: str,
    when: str,
    send: Send,
    journal: Journal,
    store: Store,
    enrol: Iterable[str] = (),
    may_lag: Callable[[Mapping[str, str]], bool] = lambda _: False,
) -> Generation | None:
    """Stage, commit and record; the generation that was recorded.

    ``blobs`` must have what ``generation`` lists. ``enrol`` names nodes that take part also when
    nothing is written to them, so that their data path is enrolled. Without writes, nodes to enrol
    and a generation nothing is done at all.

    :class:`Refused`: a document, or the record of it all, could not be read back.
    :class:`NodesMissing` or :class:`NodesFailed`: not all could stage, and nothing was changed; the
    facts ``missing`` and ``failed`` are the reasons by node.
    :class:`CommitUnfinished`: some have committed; :func:`recover` does the rest. It is not raised
    where ``may_lag`` accepts the nodes that did not commit, given the reasons: they are ``pending``
    in the generation, and the next plan sees what they have.
    """
    if journal.pending() is not None:
        raise Refused("An interrupted run has to be finished or undone first.")
    writes = tuple(writes)
    documents.check_sizes(writes, blobs)
    payloads = _payloads(writes, blobs, enrol, txn)
    if generation is None and not payloads:
        return None
    pending = Pending(txn, "staging", actor, when, tuple(payloads), generation)
    check_readable(pending)
    with writing():
        store.keep(blobs)
        journal.begin(pending)
    if bad := _failures(send("stage", payloads), payloads):
        _send(send, "abort", pending)
        with writing():
            journal.clear()
        _raise_stage(*bad)
    with writing():
        pending = journal.advance(pending)
    missing, failed = _send(send, "commit", pending)
    left = {**missing, **failed}
    if left and not may_lag(left):
        raise CommitUnfinished(_reasons(left), nodes=_names(left))
    with writing():
        if generation is not None:
            generation = replace(generation, pending=tuple(sorted(left)))
            store.record(generation)
        journal.clear()
    return generation


def recover(*, send: Send, journal: Journal, store: Store) -> Recovered | None:
    """Finish or undo an interrupted run; None if there is none.

    Nodes that cannot be reached now, or fail, do not block it: they are ``pending`` in the
    generation, and the next plan goes by what they really have.
    """
    pending = journal.pending()
    if pending is None:
        return None
    if pending.todo == "undo":
        _send(send, "abort", pending)
        with writing():
            journal.clear()
        return Recovered("undone", pending)
    missing, failed = _send(send, "commit", pending)
    left = {**missing, **failed}
    generation = pending.generation
    with writing():
        if generation is not None and generation.number not in store.numbers():
            store.record(replace(generation, pending=tuple(sorted(left))))
        journal.clear()
    return Recovered("finished", pending, generation.number if generation else None, left)


def check_readable(pending: Pending) -> None:
    """:class:`Refused` where the journal, and so the generation's record, could not be read."""
    try:
        if Pending.from_value(pending.value()) == pending:
            return
        message = "it would not be read back as it was written"
    except ValueError as error:
        message = str(error)
    number = pending.generation.number if pending.generation else None
    record = "the journal" if number is None else f"the record of generation {number}"
    raise Refused(
        f"{record[0].upper()}{record[1:]} could not be read back ({message}). Nothing was "
        "changed. Report this with the output of mip.consolidate dry_run=True."
    )


@contextmanager
def writing() -> Iterator[None]:
    """An ``OSError`` inside the block becomes :class:`StateUnwritable`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StateUnwritable(path=error.filename, reason=reason) from error


def _payloads(
    writes: Iterable[Write], blobs: Mapping[str, bytes], enrol: Iterable[str], txn: str
) -> dict[str, Payload]:
    entries: dict[str, list[Entry]] = {}
    for write in writes:
        entry = Entry(write.kind, write.pathology, blobs[write.sha256], write.replaces)
        entries.setdefault(write.node, []).append(entry)
    for node in enrol:
        entries.setdefault(node, [])
    return {node: Payload(txn, tuple(theirs)) for node, theirs in entries.items()}


def _send(send: Send, step: Step, pending: Pending) -> tuple[dict[str, str], dict[str, str]]:
    """Who was missing and who failed. Repeating it is harmless: nodes know the transaction."""
    payloads = {node: Payload(pending.txn) for node in pending.nodes}
    return _failures(send(step, payloads), payloads) or ({}, {})


def _failures(
    answers: Answers, asked: Iterable[str]
) -> tuple[dict[str, str], dict[str, str]] | None:
    failed = {node: why for node, why in answers.failed.items() if node in asked}
    missing = {
        node: answers.missing.get(node, "no response")
        for node in asked
        if node not in answers.values and node not in failed
    }
    return (missing, failed) if missing or failed else None


def _raise_stage(missing: Mapping[str, str], failed: Mapping[str, str]) -> None:
    if failed:
        both = {**missing, **failed}
        message = f"{_reasons(both)}. Nothing was changed anywhere."
        raise NodesFailed(message, nodes=_names(both), missing=missing, failed=failed)
    message = f"{_reasons(missing)}. Nothing was changed anywhere."
    raise NodesMissing(message, nodes=_names(missing), missing=missing, failed=failed)


def _names(nodes: Iterable[str]) -> str:
    return ", ".join(sorted(nodes))


def _reasons(reasons: Mapping[str, str]) -> str:
    return "; ".join(
        reason if node in reason else f"{node}: {reason}"
        for node, reason in sorted((node, why.rstrip(".")) for node, why in reasons.items())
    )
