"""Decimal numbers as people write them, exact: what one text means as ``int`` or ``real``.

The rule, for both: blanks around it do not count; then an optional sign, digits with an optional
point, an optional exponent; ASCII digits only. This is the slow way, one text at a time, and the
one that decides: :mod:`.validator` asks it for whatever its vectorised way does not
take at once. No number is computed that would not fit: an exponent can have 400 digits itself.
"""

from __future__ import annotations

import math
import re

BLANKS = " \t"
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
_DIGITS = 19  # of the longest 64-bit integer

_NUMBER = re.compile(
    r"[ \t]*(?P<sign>[+-]?)(?:(?P<whole>[0-9]+)(?:\.(?P<part>[0-9]*))?|\.(?P<only>[0-9]+))"
    r"(?:[eE](?P<exponent>[+-]?[0-9]+))?[ \t]*"
)


def whole(text: str) -> int | str:
    """The integer that ``text`` means, or the name of the rule that it breaks."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return "NotANumber"
    part = found["part"] or found["only"] or ""
    written = (found["whole"] or "") + part
    digits = written.rstrip("0")
    exponent = _exponent(found["exponent"]) - len(part) + len(written) - len(digits)
    digits = digits.lstrip("0")
    if not digits:
        return 0
    if exponent < 0:
        return "NotWhole"
    if len(digits) + exponent > _DIGITS:
        return "OutOfRange64"
    value = int(found["sign"] + digits + "0" * exponent)
    return value if INT_MIN <= value <= INT_MAX else "OutOfRange64"


def real(text: str) -> float | str:
    """The double nearest to what ``text`` means, or the name of the rule that it breaks."""
    if _NUMBER.fullmatch(text) is None:
        return "NotANumber"
    value = float(text)
    return value if math.isfinite(value) else "OutOfRange64"


def _exponent(digits: str | None) -> int:
    """As a number; one that is beyond all that counts as one that is beyond all that counts."""
    if digits is None:
        return 0
    magnitude = digits.lstrip("+-").lstrip("0")
    value = int(magnitude[:12] or "0")
    return -value if digits.startswith("-") else value
