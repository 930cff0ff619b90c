"""The declaration: federations, their nodes, and every name and path that follows from them.

A :class:`Federation` is made from the value of ``mip:federations:<fed>`` in the pillar, checked
against ``schemas/pillar.json``. Nothing else of the project reads pillar keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from saltext_mip import schemas
from saltext_mip.arguments import daily
from saltext_mip.errors import (
    AmbiguousNode,
    DeclarationError,
    Misuse,
    UnknownFederation,
    UnknownNode,
)
from saltext_mip.text import shown

Role = Literal["master", "ui", "worker"]
MissingWorker = Literal["fail", "skip", "keep"]

CDE_FILE = "CDEsMetadata.json"
DATABASE_FILE = "datasets.db"
PATHOLOGIES_FILE = "pathologies.json"
ENROLLED_FILE = ".mip-data"
STATE_ROOT = Path("var/lib/mip")
CONTACTS = "contacts"  # the key of ``notify`` that is no channel
MAIL = ("smtp://", "smtps://")

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "ui_path": "/opt/mip-deployment/Federation",
        "missing_worker": "fail",
        "min_count": 10,
        "labels": {"pathologies": {}, "datasets": {}},
        "datacatalogue": {"protocol": "http", "host": "datacatalogue.mip.ebrains.eu:8086"},
        "compile": {"subjectcode": False},
        "engine": {"any_name": False},
        "generations": {"keep": 500, "keep_mb": 1000, "quota_mb": 2000},
        "images": {},
        "services": {},
        "swarm": {
            "endpoint_mode": "dnsrr",
            "data_path_port": 4789,
            "network": {
                "name": "mip-federation",
                "subnet": "10.20.30.0/24",
                "gateway": "10.20.30.254",
                "encrypted": True,
                "mtu": 1500,
            },
        },
        "reactor": {"settle": 30, "missing_worker": "keep", "max_removed": 1, "resync": 900},
        "watch": {
            "every": 60,
            "after": {"default": 60, "WorkersReachable": 300},
            "remind": "24h",
        },
        "ssh": {"user": "mipadmin", "port": 22},
    }
)


@dataclass(frozen=True)
class Node:
    """One node: ``id`` is the minion id, ``short`` is ``ms``, ``ui`` or ``wk1``…"""

    id: str
    role: Role
    short: str
    address: str
    hostname: str
    hospital: str | None = None
    contact: str | None = None
    data_path: Path = Path("/")

    @property
    def names(self) -> tuple[str, ...]:
        """All its names, compared whole."""
        names = (self.id, self.short, self.hospital, self.address)
        return tuple(name for name in names if name)


@dataclass(frozen=True)
class Federation:
    """A declared federation. Nodes: master, ui, then the workers in the order of the pillar.

    ``settings`` holds the optional keys with their defaults filled in (``settings["swarm"]``…).
    """

    name: str
    nodes: tuple[Node, ...]
    settings: Mapping[str, Any] = field(hash=False)

    @classmethod
    def from_pillar(cls, name: str, declared: Any, *, check: bool = True) -> Federation:
        """The federation that the pillar declares; :class:`DeclarationError` names the key.

        Without ``check`` it is not validated: for a node that compares :attr:`digest` with that of
        the pusher, which validated it.
        """
        key = f"mip:federations:{name}"
        if check and (first := schemas.first_error("pillar", declared)):
            where = ":".join([key, *first[0].split(".")]) if first[0] else key
            raise DeclarationError(where, first[1])
        if check:
            _check_contacts(f"{key}:notify:{CONTACTS}", declared.get("notify", {}))
        settings = _filled(DEFAULTS, declared)
        data_path = settings.setdefault("data_path", f"/data/{name}")
        nodes = _nodes(key, settings.pop("nodes"), data_path)
        return cls(name=name, nodes=nodes, settings=MappingProxyType(settings))

    @property
    def master(self) -> Node:
        return next(node for node in self.nodes if node.role == "master")

    @property
    def ui(self) -> Node | None:
        return next((node for node in self.nodes if node.role == "ui"), None)

    @property
    def workers(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.role == "worker")

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(node.id for node in self.nodes)

    @property
    def min_count(self) -> int:
        return int(self.settings["min_count"])

    @property
    def ui_path(self) -> Path:
        return Path(self.settings["ui_path"])

    @property
    def pathologies_path(self) -> Path:
        """The path of the ui's ``pathologies.json``."""
        return self.ui_path / "config" / PATHOLOGIES_FILE

    @property
    def digest(self) -> str:
        """A digest of what a node uses; it differs on a node whose pillar is outdated."""
        facts = [
            self.name,
            self.settings["ui_path"],
            self.settings["min_count"],
            self.settings["compile"],
            [[node.id, node.role, node.hostname, str(node.data_path)] for node in self.nodes],
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def by_id(self, node_id: str) -> Node:
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise UnknownNode(federation=self.name, name=node_id, declared=", ".join(self.ids))

    def node(self, name: str) -> Node:
        """The node of that minion id, short name, hospital or address, compared whole.

        A minion id is unique, so it wins; any other name that fits two nodes is an error.
        """
        names = {node.id: (node.short, node.hospital, node.address) for node in self.nodes}
        return self.by_id(find_node(self.name, names, str(name)))  # digits may come as a number

    def state(self, root: Path) -> Path:
        """The folder of our state, on the pusher and on nodes alike, under Salt's ``root_dir``."""
        return root / STATE_ROOT / self.name


def find_node(federation: str, nodes: Mapping[str, Sequence[str | None]], name: str) -> str:
    """The minion id of the node of that name, compared whole.

    ``nodes``: the other names of each by minion id, the short name first. A minion id is unique, so
    it wins; any other name that fits two nodes is an error.
    """
    if name in nodes:
        return name
    found = [node for node, others in nodes.items() if name in others]
    if not found:
        declared = ", ".join(f"{node} ({others[0]})" for node, others in nodes.items())
        raise UnknownNode(federation=federation, name=shown(name), declared=declared)
    if len(found) > 1:
        raise AmbiguousNode(federation=federation, name=shown(name), nodes=", ".join(found))
    return found[0]


def federations(pillar: Mapping[str, Any], *, check: bool = True) -> dict[str, Federation]:
    """All federations of a pillar, by name. A node may be in one only.

    Without ``check``, of a pillar that was checked before.
    """
    mip = pillar.get("mip")
    declared = mip.get("federations") if isinstance(mip, Mapping) else None
    if declared is None:
        return {}
    if not isinstance(declared, Mapping):
        raise DeclarationError("mip:federations", "must be of type object")
    found = {}
    for name, value in declared.items():
        if check:
            _check_name(name)
        found[name] = Federation.from_pillar(name, value, check=check)
    owner: dict[str, str] = {}
    for federation in found.values():
        for node in federation.nodes:
            if node.id in owner:
                raise DeclarationError(
                    f"mip:federations:{federation.name}:nodes:{node.id}",
                    f"the node is in federation '{owner[node.id]}' already",
                )
            owner[node.id] = federation.name
    return found


def pick(found: Mapping[str, Federation], name: str | None) -> Federation:
    """The federation of that name; without a name the only one."""
    declared = ", ".join(found) or "none"
    if name is None:
        if len(found) == 1:
            return next(iter(found.values()))
        raise UnknownFederation(name="", declared=declared)
    name = str(name)  # on Salt's command line it may have become anything
    if name not in found:
        raise UnknownFederation(name=name, declared=declared)
    return found[name]


def _check_name(name: Any) -> None:
    if first := schemas.first_error("name", name):
        raise DeclarationError(f"mip:federations:{name}", f"the federation's name {first[1]}")


def _check_contacts(key: str, notify: Mapping[str, Any]) -> None:
    """The time zone exists, and a channel for mail is there."""
    if CONTACTS not in notify:
        return
    try:
        daily(notify[CONTACTS]["daily"])
    except Misuse as exc:
        raise DeclarationError(f"{key}:daily", str(exc)) from None
    mail_channel(notify, key)


def mail_channel(notify: Mapping[str, Any], key: str = f"notify:{CONTACTS}") -> str:
    """The channel that sends the mails to contacts: the one in ``via``, or the only one."""
    channels = {name: each for name, each in notify.items() if name != CONTACTS}
    mails = [name for name, each in channels.items() if each["url"].lower().startswith(MAIL)]
    via = notify[CONTACTS].get("via")
    if via is None and len(mails) == 1:
        return mails[0]
    if via in mails:
        return str(via)
    declared = f"declared beside it: {', '.join(mails) or 'none'}"
    raise DeclarationError(
        f"{key}:via", f"must name a channel with smtp:// or smtps://; {declared}"
    )


def _filled(defaults: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """``declared`` over ``defaults``, folder by folder; as plain dicts in the pillar's order."""
    out: dict[str, Any] = {
        key: _filled(value, {}) if isinstance(value, Mapping) else value
        for key, value in defaults.items()
    }
    for key, value in declared.items():
        below = defaults.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            out[key] = _filled(below, value)
        else:
            out[key] = value
    return out


def _nodes(key: str, declared: Mapping[str, Any], data_path: str) -> tuple[Node, ...]:
    made = []
    workers = 0
    for node_id, facts in declared.items():
        role: Role = facts["role"]
        if role == "worker":
            workers += 1
        made.append(
            Node(
                id=node_id,
                role=role,
                short={"master": "ms", "ui": "ui"}.get(role, f"wk{workers}"),
                address=facts["address"],
                hostname=facts.get("hostname", node_id),
                hospital=facts.get("hospital"),
                contact=facts.get("contact"),
                data_path=Path(facts.get("data_path", data_path)),
            )
        )
    _one(key, made, "master", required=True)
    _one(key, made, "ui", required=False)
    _distinct_hostnames(key, made)
    order = {"master": 0, "ui": 1, "worker": 2}
    return tuple(sorted(made, key=lambda node: order[node.role]))


def _one(key: str, nodes: Iterable[Node], role: str, *, required: bool) -> None:
    ids = [node.id for node in nodes if node.role == role]
    if len(ids) > 1:
        raise DeclarationError(f"{key}:nodes", f"has more than one {role}: {', '.join(ids)}")
    if required and not ids:
        raise DeclarationError(f"{key}:nodes", f"lacks a node with role: {role}")


def _distinct_hostnames(key: str, nodes: Iterable[Node]) -> None:
    seen: dict[str, str] = {}
    for node in nodes:
        if node.hostname in seen:
            raise DeclarationError(
                f"{key}:nodes:{node.id}:hostname",
                f"'{node.hostname}' is the hostname of '{seen[node.hostname]}' already",
            )
        seen[node.hostname] = node.id
