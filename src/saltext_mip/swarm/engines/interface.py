"""What the package knows of an engine, whichever it is.

An engine tells for which databases it is compiled (``compile_target``), what must restart after a
change (``restarts``), whether it serves (``health``, ``prove``), and which names it can serve
(``dropped``). 'Running' is not 'serving': an engine registers minutes after its task runs, and
keeps what it read first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from saltext_mip.federation import Federation
from saltext_mip.generations.generation import Generation

# {pathology: {dataset: (hostname of a worker, ...)}}
Datasets = Mapping[str, Mapping[str, tuple[str, ...]]]
NO_DATASETS: Datasets = MappingProxyType({})
NameKind = Literal["pathology", "dataset", "variable"]


@dataclass(frozen=True)
class Health:
    """Whom the master's engine reaches, by hostname; ``None`` where it does not answer so.

    ``error`` tells why; ``unknown``: something answers, but not as this engine does. That is no
    evidence of anything.
    """

    reached: frozenset[str] | None = None
    error: str = ""
    unknown: bool = False


@dataclass(frozen=True)
class Served:
    """What is proven to be served. ``None`` where nothing can be proven; ``error`` tells why.

    ``active`` are the hostnames of the workers that are registered. ``unknown`` is as
    :class:`Health` has it: then whether it serves is not known, which is not 'no'.
    """

    active: tuple[str, ...] | None = None
    datasets: Datasets | None = None
    error: str = ""
    unknown: bool = False

    def wire(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "active": None if self.active is None else list(self.active),
            "datasets": None
            if self.datasets is None
            else {
                name: {code: list(nodes) for code, nodes in below.items()}
                for name, below in self.datasets.items()
            },
            "error": self.error,
            "unknown": self.unknown,
        }

    @classmethod
    def from_wire(cls, value: Mapping[str, Any]) -> Served:
        """What :meth:`wire` gave; ``schemas/services.json`` has checked it."""
        active, datasets = value["active"], value["datasets"]
        return cls(
            None if active is None else tuple(active),
            None
            if datasets is None
            else {
                name: {code: tuple(nodes) for code, nodes in below.items()}
                for name, below in datasets.items()
            },
            value["error"],
            value["unknown"],
        )


@dataclass(frozen=True)
class Sources:
    """What engines read at their start.

    ``cdes`` has a digest of what an engine keeps of each pathology's CDE, ``datasets`` what each
    worker (by minion id) has: ``{pathology: (dataset, ...)}``.
    """

    cdes: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

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
class Restarts:
    """What must restart after a change, with the reasons: the master (``None``: it need not), and
    workers by minion id. ``keys`` of the keystore go before, with the reason."""

    master: str | None = None
    workers: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """One kind of engine."""

    compile_target: str

    def dropped(self, kind: NameKind, name: str) -> str:
        """The characters of a name that keep it from being served; empty: it can be served."""

    def cde_digest(self, content: bytes) -> str:
        """A digest of what a master keeps of a CDE (the content of its file)."""

    def restarts(self, federation: Federation, before: Sources | None, after: Sources) -> Restarts:
        """What must restart so that the sources ``after`` are served, where ``before`` are.

        ``before`` is ``None`` where it is not recorded what the engines read.
        """

    def health(self, host: str = ..., port: int = ..., *, timeout: float = ...) -> Health:
        """Ask the engine of the master, on the master node itself."""

    def registered(
        self, master: str, keys: Mapping[str, str], addresses: Mapping[str, Collection[str]]
    ) -> bool:
        """Whether the keystore's ``keys`` have the master, by hostname, at one of its addresses."""

    def worker_registered(
        self, worker: str, keys: Mapping[str, str], addresses: Mapping[str, Collection[str]]
    ) -> bool:
        """The same of a worker that has announced its datasets: its start is over."""

    def prove(
        self,
        master: str,
        keys: Mapping[str, str],
        addresses: Mapping[str, Collection[str]],
        health: Health,
    ) -> Served:
        """What is served: by the keystore's ``keys``, the engines' ``addresses`` by hostname, and
        what the master's engine answers to queries."""


def sources(generation: Generation | None, cdes: Mapping[str, str]) -> Sources:
    """What engines read of that generation. ``cdes`` has :meth:`Engine.cde_digest` of each."""
    if generation is None:
        return Sources()
    return Sources(
        dict(cdes),
        {
            node: {
                pathology: tuple(sorted({code for file in files for code, _ in file.datasets}))
                for pathology, files in below.items()
                if files
            }
            for node, below in generation.files.items()
        },
    )


def expected(federation: Federation, generation: Generation | None) -> Datasets:
    """What is to be proven once ``generation`` is served."""
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


def without(datasets: Datasets, hosts: Collection[str]) -> Datasets:
    """The same as if these hosts served nothing."""
    return {
        pathology: {
            code: left
            for code, nodes in codes.items()
            if (left := tuple(node for node in nodes if node not in hosts))
        }
        for pathology, codes in datasets.items()
    }


def differences(
    wanted: Datasets,
    served: Served,
    *,
    apart_from: Collection[str] = (),
    unlisted: Datasets = NO_DATASETS,
) -> tuple[str, ...]:
    """What is not served that should be, and the other way round; empty: all is as it should be.

    Of hosts that it is ``apart_from``, nothing counts. ``unlisted`` datasets may be served or not.
    """
    if served.datasets is None:
        return (f"the engine is not serving: {served.error}",)
    wanted, now = without(wanted, apart_from), without(served.datasets, apart_from)
    found = []
    for name in sorted({*wanted, *now}):
        want, have = wanted.get(name, {}), now.get(name, {})
        for code in sorted({*want, *have}):
            missing = sorted(set(want.get(code, ())) - set(have.get(code, ())))
            allowed = {*want.get(code, ()), *unlisted.get(name, {}).get(code, ())}
            more = sorted(set(have.get(code, ())) - allowed)
            if missing:
                found.append(f"{name}, dataset {code}: not served by {', '.join(missing)}")
            if more:
                found.append(f"{name}, dataset {code}: still served by {', '.join(more)}")
    return tuple(found)
