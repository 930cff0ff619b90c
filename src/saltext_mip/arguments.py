"""Arguments as people type them: names, limits, durations, moments; refused with what is valid."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from saltext_mip.errors import Misuse
from saltext_mip.text import shown

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

LIMIT = 10_000  # log lines
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)")


def pathologies(given: Any) -> list[str] | None:
    """The names in ``pathology=``: a list, or text with commas between; matching any is enough."""
    if given is None:
        return None
    if isinstance(given, int) and not isinstance(given, bool):
        return [str(given)]  # a name of digits, on a command line
    if isinstance(given, str):
        # a name may hold a comma itself
        parts = [part.strip() for part in given.split(",")]
        return [name for name in dict.fromkeys([given, *parts]) if name]
    if isinstance(given, list | tuple) and all(isinstance(name, str) for name in given):
        return list(given)
    raise Misuse("pathology= must be names with commas between them, or a list.")


def duration(given: Any) -> timedelta:
    """``90`` (seconds), ``"45m"``, ``"2h"``, ``"1.5d"``."""
    match = _DURATION.fullmatch(str(given).strip())
    if match is None or float(match[1]) <= 0:
        raise Misuse(f"duration must be a time such as 45m, 2h or 1d, not {given!r:.40}.")
    try:
        return timedelta(seconds=float(match[1]) * UNITS[match[2] or "s"])
    except OverflowError:
        raise Misuse(f"duration= is too long: {given!r:.40}.") from None


def daily(given: Any) -> tuple[time, ZoneInfo]:
    """``"08:00 Europe/Zurich"``: a time of day, and the time zone in which it is meant."""
    from zoneinfo import ZoneInfo

    clock, _, zone = str(given).partition(" ")
    try:
        at = time.fromisoformat(clock)
    except ValueError:
        raise Misuse(
            f"must be such as 08:00 Europe/Zurich, not '{shown(str(given), 40)}'"
        ) from None
    try:
        return at, ZoneInfo(zone)
    except (LookupError, ValueError, OSError):  # also for a folder of zones, such as Europe
        raise Misuse(
            f"time zone '{shown(zone, 40)}' not found; timedatectl list-timezones lists the names"
        ) from None


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


def past(given: Any, now: datetime) -> str:
    """``"2026-11-28 14:00"`` (UTC), or 90s, 10m, 2h, 3d ago, as ISO 8601; none of the future."""
    try:
        found = moment(given, now.timestamp())
    except Misuse:
        found = None
    if found is None or found > now.timestamp():
        raise Misuse(
            "at= takes a past moment in UTC such as 2026-11-28 14:00, or 10m, 2h, 3d for how long"
            f" ago, not '{shown(str(given))}'."
        )
    return datetime.fromtimestamp(found, UTC).isoformat(timespec="seconds")


def future(given: Any, now: datetime) -> str | None:
    """``"2026-12-01 18:00"`` (UTC), or in 45m, 2h, 1d, as ISO 8601; none of the past."""
    if given is None:
        return None
    text = str(given).strip()
    try:
        found = now + duration(text) if _DURATION.fullmatch(text) else datetime.fromisoformat(text)
    except (Misuse, ValueError, OverflowError):
        found = now
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if found <= now:
        raise Misuse(
            "until= takes a moment to come in UTC such as 2026-12-01 18:00, or 45m, 2h, 1d for how"
            f" long from now, not '{shown(text)}'."
        )
    return found.astimezone(UTC).isoformat(timespec="seconds")


def limit(given: Any) -> int:
    """A number of log lines, from 1 on."""
    if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= 1_000_000:
        return given
    raise Misuse(f"lines= takes a number from 1 on, not {shown(str(given))!r:.40}.")


def limit_or_all(given: Any, what: str) -> int:
    """A number of ``what`` (``events``), or 0 for all of them."""
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    raise Misuse(f"limit= must be a number of {what}, or 0 for all.")


def generation_number(given: Any) -> int:
    """The number of a generation."""
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    raise Misuse(f"A generation must be a number (see mip.history), not {given!r:.40}.")
