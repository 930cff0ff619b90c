"""Keeps words out of the source that belong to no field: ``python tools/check_words.py [PATH…]``.

Names are read part by part (``_was_told``, ``LastWish``); comments, docstrings and other strings
word by word. What people read (messages, docstrings of errors and of Salt's functions, the manual's
pages) has no phrase of :data:`PHRASES` either. Part of ``make lint``. Prints one line for each use,
and exits with 1 if there is any.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "saltext_mip"

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

#: Refused in what people read: phrases of no field, and other words for what has its term.
PHRASES = {
    r"anew": "again; recreate, rerun",
    r"amiss": "problem, issue",
    r"mend(?:s|ed|ing)?": "fix, repair",
    r"told|said": "reported, recorded",
    r"whoever|who wants|somebody": "you, the operator, the user",
    r"lets? (?:it|them) go": "approve, resume",
    r"go(?:es|ing)? on": "continue; remains in use",
    r"nobody (?:listens|answers)": "connection refused, no response",
    r"(?:to be|is not|is) believed|not of the shape": "invalid response, unexpected format",
    r"(?:do|does|did) not answer": "does not respond",
    r"tak(?:e|es|en|ing) away": "remove",
    r"puts? (?:it |them |one )?back": "restore",
    r"in the place of": "instead of",
    r"all the same": "nevertheless, still",
    r"(?:not )?(?:all|everything) is well": "Healthy, Degraded",
    r"ha(?:s|ve) no use for": "does not accept",
    r"salt master (?:node|minion)": "master node (a minion); Salt master (pusher)",
    r"(?:hub|primary|central) (?:node|server|machine)": "Salt master (pusher), or master node",
    r"data ?catalog": "data catalogue",
    r"metadata file": "CDE",
    r"dry-?run mode|simulat(?:e|ion) mode": "dry run",
    r"snapshot of a generation|release number": "generation",
    r"looks after": "runs for, manages",
    r"(?:is|are) not ours": "is not created by mip",
    r"not understood": "unexpected response, unexpected format",
    r"is no (?:list|object|name|address|CDE|JSON)": "is not a list, not a valid address",
    r"takes? no part": "does not take part",
    r"listed no more|no more listed": "no longer listed",
    r"was asked for": "is set, was requested",
    r"worked on": "changed, processed",
    r"counts? nobody": "does not repeat rows",
    r"[Nn]ot one: ": "must be …, not …",
    r"kept no": "did not keep, did not record",
    r"the same picture": "the same state",
    r"takes? (?:its|their) ssh": "record its ssh host keys",
}

#: Folders of Salt's loader: the docstrings of their functions are a manual.
LOADED = {"modules", "runners", "states", "beacons", "engines"}

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


def phrases(text: str) -> Iterator[tuple[int, str, str]]:
    """Each phrase of :data:`PHRASES` in a text for people: line, phrase, what to use instead."""
    for phrase, instead in PHRASES.items():
        wanted = phrase.replace(" ", r"\s+")
        for found in re.finditer(rf"\b(?:{wanted})\b", text, re.IGNORECASE):
            line = text.count("\n", 0, found.start()) + 1
            yield line, " ".join(found[0].split()), instead


def messages(text: str, *, loaded: bool = False) -> Iterator[tuple[int, str]]:
    """What people read of a module: line and text. ``loaded``: Salt shows its docstrings."""
    tree = ast.parse(text)
    documentation = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            is_shown = loaded or _is_template(tree, node)
            if not is_shown:
                documentation.add(id(node.value))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if id(node) not in documentation and " " in node.value:
            yield node.lineno, node.value


def _is_template(tree: ast.Module, node: ast.Expr) -> bool:
    """Whether it is the docstring of a class that is a message: it has places to fill."""
    return any(
        isinstance(each, ast.ClassDef) and each.body[0] is node and "{" in str(node.value.value)
        for each in ast.walk(tree)
        if isinstance(node.value, ast.Constant)
    )


def prose(page: str) -> str:
    """A page without what is typed or printed, its lines kept."""
    page = re.sub(r"^ *```.*?^ *```", _lines, page, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`]*`", _lines, page)


def _lines(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def pages() -> Iterator[Path]:
    """Those that people read; pictures are what was printed once."""
    for page in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]:
        if page.name not in ("pictures.md", "CHANGELOG.md"):
            yield page


def _phrases_everywhere(paths: list[Path]) -> Iterator[tuple[Path, int, str, str]]:
    for module in modules(paths):
        loaded = module.is_relative_to(SOURCE) and module.relative_to(SOURCE).parts[0] in LOADED
        for at, message in messages(module.read_text("utf-8"), loaded=loaded):
            for line, phrase, instead in phrases(message):
                yield module, at + line - 1, phrase, instead
    for page in pages():
        for line, phrase, instead in phrases(prose(page.read_text("utf-8"))):
            yield page, line, phrase, instead


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
    for path, line, phrase, instead in _phrases_everywhere(
        [Path(each) for each in arguments] or [SOURCE]
    ):
        found = True
        print(f"{path}:{line}: '{phrase}': use {instead}")
    return int(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
