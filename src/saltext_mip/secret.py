"""A secret value that is not shown or serialised by accident.

Passwords and tokens travel in this type from where they are read to the one place that needs them.
It prints as ``***``, is refused by pickle and by every serialiser that asks an object for its
parts, and gives its value only to :meth:`Secret.reveal`, which is easy to search for.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import NoReturn


class Secret:
    """One secret text. Equal ones compare equal, in constant time; it has no order and no hash."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str) or not value:
            raise ValueError("a secret must be a non-empty text")
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: dict[int, object]) -> Secret:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret cannot be serialised")

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be serialised")
