"""Whether what is about to be committed can be read again: by nodes, by the pusher, by engines.

Nothing is committed that its reader would refuse, since every later run would fail on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

from saltext_mip import wire
from saltext_mip.data.cde.model import CdeInvalid, parse
from saltext_mip.data.cde.strict_json import NotJson, loads
from saltext_mip.data.limits import CDE_BYTES, COMMIT_BYTES, PATHOLOGIES_BYTES
from saltext_mip.errors import Refused
from saltext_mip.federation import CDE_FILE
from saltext_mip.text import shown, size

# the smallest document that a node's answer may not have room for
_ANSWER = 1 << 20


class Document(Protocol):
    """A file that is to be written; ``sha256`` is the key of its content."""

    @property
    def kind(self) -> Literal["cde", "pathologies"]: ...
    @property
    def pathology(self) -> str | None: ...
    @property
    def sha256(self) -> str: ...


class DocumentTooLarge(Refused):
    """{document} would have {size}, the limit is {limit}: {message} Nothing was changed."""


class DocumentUnreadable(Refused):
    """{document} ({size}) could not be read back: {message} Nothing was changed."""


def check_sizes(documents: Iterable[Document], blobs: Mapping[str, bytes]) -> None:
    """:class:`DocumentTooLarge` where one is larger than its reader takes, or all are together."""
    sizes: dict[str, int] = {}
    for each in documents:
        found = sizes[each.sha256] = len(blobs[each.sha256])
        limit, hint = _OF_KIND[each.kind]
        if found > limit:
            raise DocumentTooLarge(hint, document=_name(each), size=size(found), limit=size(limit))
    if (total := sum(sizes.values())) > COMMIT_BYTES:
        hint = "Add or change fewer pathologies at once, or make their CDEs smaller."
        raise DocumentTooLarge(
            hint, document="The whole commit", size=size(total), limit=size(COMMIT_BYTES)
        )


def check(documents: Iterable[Document], blobs: Mapping[str, bytes]) -> None:
    """The same, and :class:`DocumentUnreadable` where a reader does not accept one."""
    wanted = {each.sha256: each for each in documents}
    check_sizes(wanted.values(), blobs)
    for sha256, each in wanted.items():
        content = blobs[sha256]
        facts = {"document": _name(each), "size": size(len(content))}
        try:
            if each.kind == "cde":
                parse(content, pathology=each.pathology or "")
            else:
                loads(content)
            if each.kind == "cde" and len(content) > _ANSWER:  # the master sends it, too
                wire.deflate_answer({"contents": {sha256: content.decode("latin-1")}})
        except CdeInvalid as error:
            first = error.mistakes[0]
            message = f"{first.where}: {first.message}. {first.hint}"
            raise DocumentUnreadable(shown(message, 500), **facts) from None
        except NotJson as error:
            raise DocumentUnreadable(f"{error.message}. {_FEWER}", **facts) from None
        except wire.TooLarge as error:
            message = f"an answer of the master has no room for it ({error}). {_SMALLER}"
            raise DocumentUnreadable(message, **facts) from None


_FEWER = "List fewer pathologies, datasets or variables."
_SMALLER = "Remove variables, enumerations or datasets from it."
_OF_KIND = {"cde": (CDE_BYTES, _SMALLER), "pathologies": (PATHOLOGIES_BYTES, _FEWER)}


def _name(document: Document) -> str:
    if document.kind == "pathologies":
        return "pathologies.json"
    return f"{shown(document.pathology or '')}/{CDE_FILE}"
