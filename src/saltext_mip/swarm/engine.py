"""What the engines serve, what they should, and who must start again to see what changed.

'Running' is not 'serving': an engine joins some seconds to minutes after its task runs, and keeps
what it read at its start. :func:`restarts` is the table of who must see which change, as a pure
function; :func:`look` asks the engine itself; :func:`differences` compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from saltext_mip.federation import Federation
from saltext_mip.generations.generation import Generation
from saltext_mip.plans import PlanItem

PORT = 9090
TIMEOUT = 5.0  # seconds, for one question

MASTER = "exareme-master"
KEYSTORE = "exareme-keystore"
WORKER = "exareme"

# {pathology: {dataset: (hostname of a worker, ...)}}
Datasets = Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Served:
    """What the master's engine answers: ``None`` where it does not, and then ``error`` says why.

    ``active`` are the hostnames of the workers that it reaches.
    """

    active: tuple[str, ...] | None = None
    datasets: Datasets | None = None
    error: str = ""

    def wire(self) -> dict[str, Any]:
        return {
            "active": None if self.active is None else list(self.active),
            "datasets": None
            if self.datasets is None
            else {
                name: {code: list(nodes) for code, nodes in below.items()}
                for name, below in self.datasets.items()
            },
            "error": self.error,
        }

    @classmethod
    def from_wire(cls, value: Mapping[str, Any]) -> Served:
        """What :meth:`wire` gave; its receiver has validated it."""
        active, datasets = value["active"], value["datasets"]
        return cls(
            None if active is None else tuple(active),
            None if datasets is None else _datasets(datasets),
            value["error"],
        )


@dataclass(frozen=True)
class Sources:
    """What engines read at their start.

    ``cdes`` has the SHA-256 of each pathology's CDE, ``datasets`` what each worker (by minion id)
    has: ``{pathology: (dataset, ...)}``. Of the generation for which the engines were last seen
    to serve it is the ``before`` of :func:`restarts`.
    """

    cdes: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, generation: Generation | None) -> Sources:
        if generation is None:
            return cls()
        return cls(
            dict(generation.cdes),
            {
                node: {
                    pathology: tuple(sorted({code for file in files for code, _ in file.datasets}))
                    for pathology, files in below.items()
                    if files
                }
                for node, below in generation.files.items()
            },
        )

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "cdes": dict(self.cdes),
            "datasets": {
                node: {name: list(codes) for name, codes in below.items()}
                for node, below in self.datasets.items()
            },
        }

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Sources:
        """What :meth:`value` gave."""
        return cls(
            dict(value["cdes"]),
            {
                node: {name: tuple(codes) for name, codes in below.items()}
                for node, below in value["datasets"].items()
            },
        )


@dataclass(frozen=True)
class Item:
    """``restart`` of a service (its short name) on a node, or ``forget`` of a keystore's key."""

    action: str
    thing: str
    node: str
    reason: str

    @property
    def plan_item(self) -> PlanItem:
        return PlanItem(self.action, self.thing, self.reason, self.node)


def restarts(
    federation: Federation, before: Sources | None, after: Sources, *, keystore: bool = False
) -> tuple[Item, ...]:
    """Who must start again, in this order, after everything is compiled; and which keys go first.

    ``before`` is what the engines have seen, ``None`` where nobody knows: then all start again.
    ``keystore`` says that the keystore was restarted, and has forgotten everything. Rows that
    changed ask for nothing. Workers come before the master: it reads what they announce.
    """
    master = federation.master
    everything = "nobody knows what it has seen" if before is None else ""
    if keystore:
        everything = "the keystore was restarted and has forgotten it"
    seen = before or Sources()
    forget, workers = [], []
    for node in federation.workers:
        old, new = seen.datasets.get(node.id, {}), after.datasets.get(node.id, {})
        forget += [
            Item("forget", f"data/{node.hostname}/{name}", master.id, "the worker has it no more")
            for name in sorted(set(old) - set(new))
        ]
        if reason := everything or _datasets_changed(old, new):
            workers.append(Item("restart", WORKER, node.id, reason))
    reason = everything or _cdes_changed(seen.cdes, after.cdes)
    masters = [Item("restart", MASTER, master.id, reason)] if reason else []
    return (*forget, *(masters + workers if keystore else workers + masters))


def expected(federation: Federation, generation: Generation | None) -> Datasets:
    """What the engine should answer to ``GET /datasets`` once ``generation`` is served."""
    if generation is None:
        return {}
    names = {node.id: node.hostname for node in federation.nodes}
    return {
        pathology: {
            code: tuple(sorted(names[node] for node in nodes if node in names))
            for code, nodes in datasets.items()
        }
        for pathology, datasets in generation.pathologies.items()
    }


def differences(wanted: Datasets, served: Served) -> tuple[str, ...]:
    """What is not served that should be, and the other way round, for a person; none: all is."""
    if served.datasets is None:
        return (f"the engine does not answer: {served.error}",)
    said = []
    for name in sorted({*wanted, *served.datasets}):
        want, have = wanted.get(name, {}), served.datasets.get(name, {})
        for code in sorted({*want, *have}):
            missing = sorted(set(want.get(code, ())) - set(have.get(code, ())))
            more = sorted(set(have.get(code, ())) - set(want.get(code, ())))
            if missing:
                said.append(f"{name}, dataset {code}: not served by {', '.join(missing)}")
            if more:
                said.append(f"{name}, dataset {code}: still served by {', '.join(more)}")
    return tuple(said)


def look(host: str = "127.0.0.1", port: int = PORT, *, timeout: float = TIMEOUT) -> Served:
    """Ask the engine of the master, on the master node itself."""
    base = f"http://{host}:{port}"
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy knows nothing of this
            health = session.post(f"{base}/mining/query/HEALTH_CHECK", json={}, timeout=timeout)
            health.raise_for_status()
            active = health.json()["active_nodes"]
            answer = session.get(f"{base}/datasets", timeout=timeout)
            answer.raise_for_status()
            return Served(tuple(sorted(_name(node) for node in active)), _datasets(answer.json()))
    except requests.ConnectionError:
        return Served(error=f"nothing listens on {host}:{port}")
    except requests.RequestException as exc:
        return Served(error=f"{type(exc).__name__} on {host}:{port}")
    except (KeyError, TypeError, ValueError, AttributeError):
        return Served(error=f"what answers on {host}:{port} does not answer as an engine")


def _name(node: Any) -> str:
    """A worker's name; engines have it as text, or as an object with its name."""
    return str(node["name"]) if isinstance(node, Mapping) else str(node)


def _datasets(value: Any) -> Datasets:
    return {
        str(name): {str(code): tuple(sorted(map(str, nodes))) for code, nodes in below.items()}
        for name, below in value.items()
    }


def _datasets_changed(
    old: Mapping[str, tuple[str, ...]], new: Mapping[str, tuple[str, ...]]
) -> str:
    said = []
    for name in sorted({*old, *new}):
        come = sorted(set(new.get(name, ())) - set(old.get(name, ())))
        gone = sorted(set(old.get(name, ())) - set(new.get(name, ())))
        words = [f"+{code}" for code in come] + [f"-{code}" for code in gone]
        if words or (name in old) != (name in new):
            said.append(f"{name}: {', '.join(words) or 'came or went'}")
    return f"its datasets changed ({'; '.join(said)})" if said else ""


def _cdes_changed(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return f"CDEs changed: {', '.join(changed)}" if changed else ""
