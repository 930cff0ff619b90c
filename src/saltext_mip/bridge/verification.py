"""Which of the returns that arrive for a job are answers of the nodes that were asked.

A return comes by an event, from the job cache, or by both; neither attests the sender. Of a
function of ours the first return with a valid signature counts, by whichever way it came; all
others are ignored and counted, and change nothing. A return of one of Salt's own functions is not
signed: it tells no more than that a node is alive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from saltext_mip import signing
from saltext_mip.signing import Question, SignedPage

OURS = "federation_node."
TEXT = 1000  # characters that are kept of a text
TRIMMED = "VALUE_TRIMMED"  # what Salt puts in the place of a value that is too large for an event


@dataclass(frozen=True)
class PlainReturn:
    """A return of one of Salt's functions, as the job cache has it."""

    value: Any
    failed: bool


class PlainReturns:
    """The returns of one of Salt's own functions, from the job cache: none is known as forged."""

    forged: Mapping[str, int] = MappingProxyType({})
    unsigned: frozenset[str] = frozenset()
    trimmed: frozenset[str] = frozenset()
    texts: Mapping[str, str] = MappingProxyType({})

    def __init__(self) -> None:
        self.found: dict[str, PlainReturn] = {}

    def take(self, node: str, answer: Mapping[str, Any], *, cached: bool) -> bool:
        """Take a return as the answer of ``node``; whether it was."""
        if not cached or node in self.found:
            return False
        failed = bool(answer.get("retcode", 0)) or answer.get("success") is False
        self.found[node] = PlainReturn(answer["return"], failed)
        return True


class SignedReturns:
    """The returns to one question to several nodes: the genuine ones, and what was ignored."""

    def __init__(
        self, key_of: Callable[[str], str | None], federation: str, function: str, nonce: str
    ) -> None:
        self._key_of = key_of
        self._federation = federation
        self._function = function
        self._nonce = nonce
        self.found: dict[str, SignedPage] = {}
        self._refused: Counter[str] = Counter()
        self._unsigned: Counter[str] = Counter()
        self._cached: dict[str, Any] = {}
        self.trimmed: set[str] = set()
        self.texts: dict[str, str] = {}  # of answers without a signature: maybe Salt's own error

    def take(self, node: str, answer: Mapping[str, Any], *, cached: bool) -> bool:
        """Take a return as the answer of ``node`` if it is genuine and the first; whether it was.

        What the job cache has came as an event before: only the event is counted.
        """
        value = answer["return"]
        signature = value.get("signature") if isinstance(value, Mapping) else None
        if cached and node in self._cached and self._cached[node] == signature:
            return False
        page = self._verified(node, value)
        if page is not None:
            first = node not in self.found
            self.found.setdefault(node, page)
            return first
        if isinstance(value, str):
            self.texts[node] = value[:TEXT]
        if _trimmed(value):
            self.trimmed.add(node)
        elif cached:
            self._cached[node] = signature
        else:
            (self._refused if signing.is_signed(value) else self._unsigned)[node] += 1
        return False

    def _verified(self, node: str, value: Any) -> SignedPage | None:
        if not signing.is_signed(value):
            return None
        key = self._key_of(node)
        if key is None:
            return None
        question = Question(self._federation, self._function, node, self._nonce)
        return signing.genuine(question, value, key)

    @property
    def forged(self) -> dict[str, int]:
        """How many returns were forged, by the node in whose name they came.

        One that claims no signature is forged where the node itself signs; where no genuine answer
        came, the node may run a version that does not sign.
        """
        counts = Counter(self._refused)
        for node, count in self._unsigned.items():
            if node in self.found:
                counts[node] += count
        for node, signature in self._cached.items():
            heard = self._refused[node] or self._unsigned[node]
            if not heard and (signature is not None or node in self.found):
                counts[node] += 1  # its event was lost
        return dict(counts)

    @property
    def unsigned(self) -> frozenset[str]:
        """Nodes of which there is only a return without a signature."""
        cached = {node for node, signature in self._cached.items() if signature is None}
        return frozenset({*self._unsigned, *cached} - self.found.keys())


def _trimmed(value: Any) -> bool:
    if value == TRIMMED:
        return True
    parts = value.get("parts") if isinstance(value, Mapping) else None
    return parts == TRIMMED or (isinstance(parts, list) and TRIMMED in parts)
