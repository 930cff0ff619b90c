"""Why a node does not take part: decided in one place, from evidence.

``bridge`` collects the evidence of each node without a usable answer: what became of the job, the
keys that the Salt master has of it, its connection, what it answered instead. :func:`reasons` makes
of it the name of a rule, which has the fix, and a sentence with the facts. All commands and the
status report these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from saltext_mip import __version__
from saltext_mip.rules import RULES
from saltext_mip.text import shown

#: What became of a job on a node: it was not sent there (``unsent``), it gave no sign of life in
#: two rounds of questions (``silent``), lost the job twice (``lost``), runs it (``running``), or
#: the time was over before either was known (``waiting``).
Outcome = Literal["unsent", "silent", "lost", "running", "waiting"]
KeyState = Literal["accepted", "pending", "rejected", "none"]

#: Rules that do not tell whether the node is up.
UNCERTAIN = frozenset({"NodeBusy", "NotYetAnswered"})
HEARD_TO = timedelta(minutes=1)  # how exact Evidence.contact is

_ABOUT = 200  # characters of what a node answered
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,40}")


@dataclass(frozen=True)
class Key:
    """What the Salt master has of a node's key: state and fingerprints.

    ``denied`` is the fingerprint of another key that was presented in the node's name, last at
    ``denied_at``.
    """

    state: KeyState = "accepted"
    fingerprint: str = ""
    denied: str = ""
    denied_at: datetime | None = None


@dataclass(frozen=True)
class Evidence:
    """What is known of a node that gave no usable answer to ``function``.

    ``seconds``: for how long it was waited for. ``answered``: the text of an answer without a
    signature; ``unsigned``: whether there was one; ``trimmed``: Salt trimmed one. ``version`` of
    this package, as the node reports it. ``connected``: whether the Salt master has a connection of
    its; ``None`` where that is not known. ``started``: when the Salt master started;
    ``contact``: when it last heard of the node, as far as known.
    """

    function: str
    outcome: Outcome
    seconds: float = 0.0
    key: Key = field(default_factory=Key)
    unsigned: bool = False
    answered: str = ""
    trimmed: bool = False
    version: str | None = None
    connected: bool | None = None
    addresses: tuple[str, ...] = ()
    started: datetime | None = None
    contact: datetime | None = None


@dataclass(frozen=True)
class Reason:
    """Why a node does not take part: the name of a rule, and the facts."""

    rule: str
    about: str

    def __str__(self) -> str:
        return f"{RULES[self.rule].text} ({self.about})"


def reasons(
    evidence: Mapping[str, Evidence], asked: int, faults: Sequence[str] = ()
) -> dict[str, Reason]:
    """The reason for each node; ``asked`` is how many nodes were, with those that answered.

    Where several were asked and all are silent, the pusher is suspected first: ``faults`` are what
    is known to be in its way.
    """
    found = {node: _reason(each) for node, each in evidence.items()}
    silent = [node for node, each in evidence.items() if _is_silence(each)]
    if asked < 2 or len(silent) < asked:
        return found
    suspicion = "; ".join(faults) or "the pusher's own checks found no cause"
    return {node: Reason("NoNodeAnswers", f"none of {asked}; {suspicion}") for node in found}


def texts(found: Mapping[str, Reason]) -> dict[str, str]:
    """The reasons as sentences."""
    return {node: str(reason) for node, reason in found.items()}


def of_version(version: str | None) -> str | None:
    """The rule of a node whose answer is unexpected; ``None`` where its version explains nothing.

    >>> of_version("0.0.1"), of_version("9999.0"), of_version("x"), of_version(None)
    ('ExtensionOlder', 'ExtensionNewer', None, None)
    """
    if version is None or not _VERSION.fullmatch(version) or version == __version__:
        return None
    return "ExtensionNewer" if _numbers(version) > _numbers(__version__) else "ExtensionOlder"


def versions(version: str) -> str:
    """The facts of a difference of versions."""
    return f"it has saltext-mip {shown(version)}, and the pusher {__version__}"


def _reason(each: Evidence) -> Reason:
    return _of_answer(each) or _of_key(each) or _of_job(each)


def _of_answer(each: Evidence) -> Reason | None:
    """It answered, and not what it was asked."""
    if each.unsigned:
        if rule := of_version(each.version):
            return Reason(rule, f"its answer is not signed: {versions(each.version or '')}")
        text = shown(" ".join(each.answered.split()), _ABOUT)
        return Reason("ExtensionMissing", f"its response: {text}" if text else "it does not sign")
    if each.trimmed:
        return Reason("AnswerTrimmed", f"its answer to {each.function}")
    return None


def _of_key(each: Evidence) -> Reason | None:
    key = each.key
    if key.state == "none" and key.denied:
        return Reason("KeyDenied", f"denied: {key.denied}; no key is accepted")
    if key.state == "none":
        return Reason("KeyMissing", "it never presented one, or the key was deleted")
    if key.state == "pending":
        return Reason("KeyPending", f"its fingerprint: {key.fingerprint}")
    if key.state == "rejected":
        return Reason("KeyRejected", f"its fingerprint: {key.fingerprint}")
    before = each.contact and key.denied_at and key.denied_at < each.contact
    if each.outcome == "silent" and key.denied and not before:
        return Reason("KeyDenied", f"denied: {key.denied}; accepted: {key.fingerprint}")
    return None


def _of_job(each: Evidence) -> Reason:
    waited = f"for {each.seconds:.0f} s"
    if each.outcome == "lost":
        return Reason("JobLost", f"it was sent {each.function} twice")
    if each.outcome == "running":
        return Reason("NodeBusy", f"{each.function}, {waited}")
    if each.outcome == "waiting":
        return Reason("NotYetAnswered", f"waited {waited}")
    if each.connected is False:
        where = f"no connection from {', '.join(each.addresses) or 'its address'}"
        if each.started and (each.contact is None or each.contact + HEARD_TO < each.started):
            return Reason("NeverConnected", f"{where} since {_moment(each.started)}")
        return Reason("ConnectionGone", f"{where}{_last(each)}")
    connection = {
        True: "its connection to the Salt master is still open",
        None: "its connection cannot be distinguished from others",
    }[each.connected]
    return Reason("NodeSilent", f"{connection}{_last(each)}")


def _is_silence(each: Evidence) -> bool:
    answered = each.unsigned or each.trimmed
    return each.outcome == "silent" and each.key.state == "accepted" and not answered


def _last(each: Evidence) -> str:
    return f"; last heard of at {_moment(each.contact)}" if each.contact else ""


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))
