"""Text for people: escaped where it could steer a terminal, and compared as it looks."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

# letters of other alphabets that look like Latin ones
_LATIN = str.maketrans("АВЕКМНОРСТХаеорсухі", "ABEKMHOPCTXaeopcyxi")


_RUNNER = re.compile(
    r"\bsalt-call (?:--\S+ )*mip\.\S+|(?<![\w./@-])(?<!salt-run )(?<!state\.apply )(?<!' )"
    r"mip\.(?P<function>[a-z_]+)(?!\w|\.\w|:)"
)


def with_salt_run(text: str, functions: Collection[str]) -> str:
    """The text with each call of one of the runner's ``functions`` as a line that can be typed."""

    def call(found: re.Match[str]) -> str:
        known = found["function"] in functions
        return f"salt-run mip.{found['function']}" if known else found[0]

    return _RUNNER.sub(call, text)


def shown(text: str, most: int | None = None) -> str:
    """``text`` for people's eyes: what could steer a terminal or reorder a line is escaped.

    ``most`` are the characters that are kept of a longer one; what is cut off is not looked at.
    """
    begin = text if most is None else text[:most]
    if not begin.isprintable():
        begin = "".join(map(_escaped, begin))
    return begin if most is None or max(len(text), len(begin)) <= most else begin[:most] + "…"


def appearance(name: str) -> str:
    """What a person sees of a name, letter case aside: equal for names that look the same.

    Accents are composed, invisible characters are gone, and every blank is one space.
    """
    composed = unicodedata.normalize("NFKC", name)
    seen = "".join(char for char in composed if unicodedata.category(char) != "Cf")
    folded = seen.translate(_LATIN).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def distinct(*names: str) -> tuple[str, ...]:
    """The names in quotes; those that look the same in ASCII, so that the difference is seen.

    >>> distinct("edsd", "ppmi")
    ("'edsd'", "'ppmi'")
    """
    looks = Counter(map(appearance, names))
    return tuple(
        f"'{ascii(name)[1:-1] if looks[appearance(name)] > 1 else shown(name)}'" for name in names
    )


def has_other_letters(name: str) -> bool:
    """Whether it has letters of other alphabets that look like Latin ones."""
    return name.translate(_LATIN) != name


def first_of(texts: Sequence[str], most: int, separator: str = ", ") -> str:
    """The first ``most`` of them, and how many more there are: ``a, b and 3 more``."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return separator.join(texts[:most]) + more


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in their order, runs of three and more shortened: ``1, 3-7``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join(texts)


def size(count: int) -> str:
    """A number of bytes as people read it: ``12 kB``, ``3.4 MB``."""
    if count < 1000:
        return f"{count} B"
    if count < 999_500:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1_000_000:,.1f} MB"


def _escaped(char: str) -> str:
    if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def duration(seconds: float) -> str:
    """``20 s``, ``5 min``, ``3 h``, ``2 days``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds // 60:.0f} min"
    return f"{seconds // 3600:.0f} h" if seconds < 172_800 else f"{seconds // 86_400:.0f} days"


def when(iso: str) -> str:
    """A moment as people read it, in UTC as everything here: ``2026-03-12 04:05 UTC``."""
    day, _, clock = iso.partition("T")
    utc = " UTC" if clock.endswith(("Z", "+00:00")) else ""
    return f"{day} {clock[:5]}{utc}" if clock else iso
