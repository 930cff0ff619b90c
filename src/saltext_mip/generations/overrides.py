"""Operators' decisions, which automation respects until they are taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saltext_mip.storage.state import decode_state


@dataclass(frozen=True)
class Override:
    """What a person said: who, when (ISO 8601, UTC), why; and until when it holds, if it ends."""

    actor: str
    when: str
    reason: str = ""
    until: str | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Override:
        return decode_state(cls, value)
