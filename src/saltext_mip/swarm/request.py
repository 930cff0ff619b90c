"""What a command asks of the services, and how long a service may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BACK = 120.0  # seconds that a service may take to be back before the next one goes


LOST = 45.0  # seconds after which an engine that the keystore forgot is started again


@dataclass(frozen=True)
class ServiceRequest:
    """What a command asks of the services.

    ``only``: minion ids; none: all. ``told``: Swarm node ids by minion id, as the nodes say.
    ``restart``: short names and minion ids, with the reason. ``word``: an operator's, to be
    remembered: ``stopped`` or ``removed``; ``started`` forgets both, ``deployed`` what was removed.
    ``mend``: nothing but what brings back services that are gone, and restarts. ``dry``: only the
    plan.
    """

    only: tuple[str, ...] | None = None
    told: Mapping[str, str] | None = None
    restart: tuple[tuple[str, str, str], ...] = ()
    word: str = ""
    actor: str = ""
    mend: bool = False
    dry: bool = False

    @classmethod
    def from_wire(cls, value: Mapping[str, Any]) -> ServiceRequest:
        """What :meth:`wire` gave."""
        only = value.get("only")
        return cls(
            only=None if only is None else tuple(only),
            told=value.get("told"),
            restart=tuple((each[0], each[1], each[2]) for each in value.get("restart", ())),
            word=value.get("word", ""),
            actor=value.get("actor", ""),
            mend=value.get("mend", False),
            dry=value.get("dry", False),
        )

    def wire(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "only": None if self.only is None else list(self.only),
            "told": dict(self.told) if self.told is not None else None,
            "restart": [list(each) for each in self.restart],
            "word": self.word,
            "actor": self.actor,
            "mend": self.mend,
            "dry": self.dry,
        }
