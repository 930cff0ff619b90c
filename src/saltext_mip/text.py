"""Text for people: what could steer a terminal or reorder a line is escaped."""

from __future__ import annotations

import unicodedata


def shown(text: str) -> str:
    """``text`` for people's eyes: what could steer a terminal or reorder a line is escaped."""
    return "".join(_escaped(char) for char in text)


def _escaped(char: str) -> str:
    if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def when(iso: str) -> str:
    """A moment as people read it, in UTC as everything here: ``2026-03-12 04:05 UTC``."""
    day, _, clock = iso.partition("T")
    utc = " UTC" if clock.endswith(("Z", "+00:00")) else ""
    return f"{day} {clock[:5]}{utc}" if clock else iso
