"""The context of a step: the federation as this node's pillar declares it, the node, its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltext_mip.errors import DeclarationError, MipError
from saltext_mip.federation import Federation, Node, federations, pick


@dataclass(frozen=True)
class NodeContext:
    """A federation, this node of it, and the folder of its state.

    ``uptime``: seconds since this node's minion started, for answers to the pusher; ``salt``: the
    version of its Salt, for the same.
    """

    federation: Federation
    node: Node
    state: Path
    uptime: float | None = None
    salt: str | None = None

    @classmethod
    def from_pillar(
        cls, pillar: Mapping[str, Any], name: str | None, node_id: str, root: Path
    ) -> NodeContext:
        """For people: the whole pillar is validated; without a name, the node's only federation."""
        federation = pick(federations(pillar), name)
        return cls(federation, federation.by_id(node_id), federation.state(root))

    @classmethod
    def as_declared(
        cls,
        pillar: Mapping[str, Any],
        name: str,
        node_id: str,
        root: Path,
        declaration: str,
        uptime: float | None = None,
        salt: str | None = None,
    ) -> NodeContext | None:
        """For the pusher, which validated it; ``None`` where this node's pillar differs."""
        try:
            declared = pillar["mip"]["federations"][name]
            federation = Federation.from_pillar(name, declared, check=False)
        except (KeyError, TypeError, AttributeError, ValueError, DeclarationError):
            return None
        if federation.digest != declaration:
            return None
        return cls(federation, federation.by_id(node_id), federation.state(root), uptime, salt)

    @classmethod
    def all(cls, pillar: Mapping[str, Any], opts: Mapping[str, Any]) -> Iterator[NodeContext]:
        """This node of each federation for which it has a data path; the pillar is not checked."""
        mip = pillar.get("mip")
        declared = mip.get("federations") if isinstance(mip, Mapping) else None
        for name, value in declared.items() if isinstance(declared, Mapping) else ():
            try:
                federation = Federation.from_pillar(name, value, check=False)
                node = federation.by_id(opts["id"])
            except (KeyError, TypeError, AttributeError, ValueError, MipError):
                continue
            context = cls(federation, node, federation.state(Path(opts["root_dir"])))
            if context.has_data:
                yield context

    @property
    def data_path(self) -> Path:
        return self.node.data_path

    @property
    def has_data(self) -> bool:
        """Whether the node has a data path: all but the ui."""
        return self.node.role != "ui"

    @property
    def subjectcode(self) -> bool:
        """Whether databases have the column ``subjectcode``, see ``compile`` in the pillar."""
        return bool(self.federation.settings["compile"]["subjectcode"])
