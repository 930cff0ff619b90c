"""Text that was read in another encoding than it was written in: ``GenÃ¨ve`` for ``Genève``.

The file itself is UTF-8: the characters were lost before it was written, so nothing but the source
has them for sure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from saltext_mip.text import shown

RULE = "GarbledText"

# what Windows' encoding makes of the bytes 0x80 to 0x9f, beside the control characters of Latin-1
_SIGNS = "€‚„…†‡ˆ‰‹‘’“”•–—˜™›"
_LETTERS = "ƒŠŒŽšœžŸ"
# Ã and Â before a second byte of UTF-8; Ä and Å where no letter of a language follows; the
# beginnings of punctuation marks and of a byte order mark; the sign for a lost character
PATTERN = (
    rf"Ã[\u0080-\u00bf{_SIGNS}{_LETTERS}]|Â[\u0080-\u00bf]|[ÄÅ][\u0080-\u00a9\u00ab-\u00b4{_SIGNS}]"
    r"|â[€‚\u0080\u0082][\u0080-\u00bf™œžŸ¦“”˜¢]|ï»¿|ï¿½|\ufffd"
)
# the same, more or less, in bytes: a block without has none
_BYTES = re.compile(
    rb"\xc3[\x82-\x85][\xc2\xc5\xc6\xcb\xe2]|\xc3\xa2(?:\xe2\x82\xac|\xe2\x80\x9a|\xc2[\x80\x82])|\xc3\xaf\xc2[\xbb\xbf]"
    rb"|\xef\xbf\xbd"
)
_SHOWN = 5


def may_have(raw: bytes) -> bool:
    """Whether these bytes may hold such text."""
    return not raw.isascii() and _BYTES.search(raw) is not None


def meant(text: str) -> str | None:
    """What it was, where that is certain."""
    if "\ufffd" in text:
        return None
    try:
        # cp1252 where it has the character, else the byte of Latin-1
        data = b"".join(_byte(char) for char in text)
        found = data.decode()
    except UnicodeError:
        return None
    return found if found != text else None


def advice(examples: Sequence[tuple[int, str]]) -> str:
    """What to do about these texts."""
    texts = list(dict.fromkeys(text for _, text in examples))[:_SHOWN]
    known = [
        f"'{shown(text)}' was probably '{shown(was)}'" for text in texts if (was := meant(text))
    ]
    which = f" {'; '.join(known)}." if known else ""
    return (
        f"Characters were read in the wrong encoding before this file was written.{which} Open the "
        "source as UTF-8 and export the file again; do not correct it by hand."
    )


def _byte(char: str) -> bytes:
    try:
        return char.encode("cp1252")
    except UnicodeEncodeError:
        return char.encode("latin-1")
