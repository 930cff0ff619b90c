"""Keeps words out of the source that belong to no field: ``python tools/check_words.py [PATH…]``.

Names are read part by part (``_was_told``, ``LastWish``); comments, docstrings and other strings
word by word. Part of ``make lint``. Prints one line for each use, and exits with 1 if there is any.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src" / "saltext_mip"

#: What to use instead. These are refused in names and in text.
WORDS = {
    "told": "reported, recorded",
    "said": "reported, recorded",
    "mend": "fix, repair, restore",
    "mended": "fixed, repaired, restored",
    "mends": "fixes, repairs, restores",
    "mending": "fixing, repairing, restoring",
    "amiss": "problem, issue",
    "anew": "again; recreate, rerun",
    "wish": "request",
}
#: These are refused as the name of a type only: as a verb or a noun they are plain English.
TYPES = {"Look": "the noun of what is observed", "Word": "Override, or the noun of the thing"}

#: Keys of files on disk that earlier versions wrote: they stay.
KEYS = {("node/reminders.py", "said")}

#: Paths below the source that are not clean yet.
PENDING: tuple[str, ...] = ()

PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def uses(text: str) -> Iterator[tuple[int, str, str]]:
    """Each use in a module's text: line, word, what to use instead."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            if token.string in TYPES:
                yield token.start[0], token.string, TYPES[token.string]
            parts = PART.findall(token.string)
        elif token.type in (tokenize.COMMENT, tokenize.STRING, FSTRING):
            parts = re.findall(r"[A-Za-z]+", token.string)
        else:
            continue
        for part in parts:
            if instead := WORDS.get(part.lower()):
                yield token.start[0], part, instead


# from Python 3.12 on, the text of an f-string is a token of its own
FSTRING = getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)


def modules(paths: list[Path]) -> Iterator[Path]:
    """The modules of these files and folders, without those that are pending."""
    pending = [SOURCE / each for each in PENDING]
    for path in paths:
        for module in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if not any(each == module or each in module.parents for each in pending):
                yield module


def _below(module: Path) -> str:
    return module.relative_to(SOURCE).as_posix()


def main(arguments: list[str]) -> int:
    found = False
    for module in modules([Path(each) for each in arguments] or [SOURCE]):
        for line, word, instead in uses(module.read_text("utf-8")):
            if module.is_relative_to(SOURCE) and (_below(module), word) in KEYS:
                continue
            found = True
            print(f"{module}:{line}: '{word}': use {instead}")
    return int(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
