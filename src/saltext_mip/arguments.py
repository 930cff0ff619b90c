"""Arguments as people type them: durations, moments, limits, names; refused with what is valid."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from saltext_mip.errors import Misuse
from saltext_mip.text import shown


def pathologies(given: Any) -> list[str] | None:
    """What ``pathology=`` names: a list, or names with commas between; any that fits is meant."""
    if given is None:
        return None
    if isinstance(given, int) and not isinstance(
        given, bool
    ):  # a name of digits, on a command line
        return [str(given)]
    if isinstance(given, str):
        # a name may hold a comma itself
        parts = [part.strip() for part in given.split(",")]
        return [name for name in dict.fromkeys([given, *parts]) if name]
    if isinstance(given, list | tuple) and all(isinstance(name, str) for name in given):
        return list(given)
    raise Misuse("pathology= takes names with commas between them, or a list.")


LIMIT = 10_000


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def moment(given: Any, now: float) -> float | None:
    """``90s``, ``10m``, ``2h``, ``3d`` ago, or a date as ISO 8601 has it (UTC), as seconds."""
    if given is None:
        return None
    text = str(given).strip()
    if found := re.fullmatch(r"(\d{1,9})([smhd])", text):
        return now - int(found[1]) * UNITS[found[2]]
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise Misuse(
            f"since= takes 90s, 10m, 2h, 3d, or a date like 2026-03-12T04:05, not '{shown(text)}'."
        ) from None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def limit(given: Any) -> int:
    if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= 1_000_000:
        return given
    raise Misuse(f"lines= takes a number from 1 on, not {shown(str(given))!r:.40}.")


def generation_number(given: Any) -> int:
    """The number of a generation."""
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    raise Misuse(f"A generation is a number; see mip.history. Not one: {given!r:.40}.")
