"""From the words of a plan case (``plans/*.yaml``) to values, and back to words.

A case reads: what the pillar says beyond two workers, which CDEs the master has (code and label of
their datasets), what each node has (folder, file, rows of each dataset), what the last generation
served, and the plan that comes of it. ``plans/README.md`` has every key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from msgspec import to_builtins

from saltext_mip.data.cde.model import parse, rules_digest
from saltext_mip.data.consolidation.planner import (
    CdeFound,
    Labels,
    Plan,
    Previous,
    ServedFile,
    plan,
)
from saltext_mip.data.inventory.model import FileRecord, Inventory, PathologyRecord
from saltext_mip.errors import MipError
from saltext_mip.federation import Federation
from saltext_mip.problems import Problem
from saltext_mip.results import ReportedProblem
from tests.support import cdes

NODES = {
    "ms": {"role": "master", "address": "10.0.0.1"},
    "ui": {"role": "ui", "address": "10.0.0.2"},
    "wk-b": {"role": "worker", "address": "10.0.0.3", "hostname": "host-b"},
    "wk-a": {"role": "worker", "address": "10.0.0.4", "hostname": "host-a"},
}


def sha256(content: bytes | str) -> str:
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()


def federation(pillar: Mapping[str, Any] | None = None) -> Federation:
    """Two workers, ``wk-b`` before ``wk-a``, that the pillar's order and the names' differ."""
    return Federation.from_pillar("fed1", {"nodes": NODES, **(pillar or {})})


def cde_found(pathology: str, words: Any) -> CdeFound:
    """``{edsd: EDSD}``, its datasets; ``{datasets, root, source, raw}``; or ``{wide: 2000}``."""
    if isinstance(words, dict) and "wide" in words:
        variables = [cdes.variable(f"v{number}", "int") for number in range(words["wide"] - 1)]
        return CdeFound(cdes.content(pathology=pathology, variables=variables))
    if not isinstance(words, dict) or not words.keys() & {"datasets", "root", "source", "raw"}:
        words = {"datasets": words or {}}
    datasets = [{"code": c, "label": label} for c, label in words.get("datasets", {}).items()]
    content = (
        words["raw"].encode()
        if "raw" in words
        else cdes.content(pathology=pathology, datasets=datasets, **words.get("root", {}))
    )
    return CdeFound(content, words.get("source", "master"), words.get("about"))


def file_record(name: str, words: Any, digest: str | None) -> FileRecord:
    """``{edsd: 474}``; ``[TooFewFields]``: cannot be read; or ``{datasets, verified}``."""
    if isinstance(words, list):
        return FileRecord(name, problems=tuple(Problem(rule) for rule in words))
    full = words if "datasets" in words else {"datasets": words, "verified": []}
    datasets = tuple((str(code), rows) for code, rows in full["datasets"].items())
    verified = {}
    if digest and "verified" in full:
        verified = {digest: tuple(Problem(rule, column="x") for rule in full["verified"])}
    return FileRecord(
        name=name,
        size=len(name),
        sha256=sha256(name + repr(datasets)),
        rows=sum(rows for _, rows in datasets if isinstance(rows, int)),
        datasets=datasets,
        header=("dataset",),
        verified=verified,
    )


def inventory(node: str, words: Mapping[str, Any], found: Mapping[str, CdeFound]) -> Inventory:
    """A folder's own keys begin with ``_``: ``_cde`` (``same``, ``other``), ``_problems``."""
    records = []
    for name, folder in sorted(words.items()):
        if name.startswith("_"):
            continue
        own = dict(folder or {})
        cde, problems = own.pop("_cde", None), own.pop("_problems", [])
        cde_problem = Problem(own.pop("_cde_problem")) if "_cde_problem" in own else None
        content = found[name].content if name in found else b""
        try:
            digest = rules_digest(parse(content, pathology=name), subjectcode=False)
        except MipError:
            digest = None
        records.append(
            PathologyRecord(
                name=name,
                files=tuple(file_record(f, words, digest) for f, words in sorted(own.items())),
                cde={"same": sha256(content), "other": sha256("other")}.get(cde),
                cde_problem=cde_problem,
                problems=tuple(Problem(**problem) for problem in problems),
            )
        )
    return Inventory(
        federation="fed1",
        node=node,
        status=words.get("_status", "ok"),
        enrolled=True,
        pathologies=tuple(records),
        problems=tuple(Problem(**problem) for problem in words.get("_problems", [])),
    )


def served(words: Any) -> tuple[ServedFile, ...]:
    records = [file_record(name, datasets, None) for name, datasets in sorted(words.items())]
    return tuple(ServedFile(r.name, r.size, r.sha256, r.rows, r.datasets) for r in records)


def previous(words: Mapping[str, Any] | None) -> Previous | None:
    if words is None:
        return None
    files = {
        node: {name: served(of) for name, of in folders.items()}
        for node, folders in words.get("files", {}).items()
    }
    names = sorted({name for folders in files.values() for name in folders})
    return Previous(
        number=words.get("number", 1),
        files=files,
        pathologies=tuple(words.get("pathologies", names)),
    )


def inputs(case: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of ``plan`` for a case."""
    found = {name: cde_found(name, words) for name, words in case.get("cdes", {}).items()}
    master = {name: {"_cde": "same"} for name, cde in found.items() if cde.source == "master"}
    nodes = {"ms": master, **case.get("inventories", {})}
    labels = case.get("labels", {})
    return {
        "inventories": {
            node: inventory(node, words or {}, found)
            for node, words in nodes.items()
            if node not in case.get("absent", {})
        },
        "absent": case.get("absent", {}),
        "cdes": found,
        "ui_sha256": None,
        "labels": Labels(labels.get("pathologies", {}), labels.get("datasets", {})),
        "previous": previous(case.get("previous")),
        "kept_cdes": {n: cde_found(n, words).content for n, words in case.get("kept", {}).items()},
        **case.get("options", {}),
    }


def outcome(case: Mapping[str, Any]) -> Plan | MipError:
    try:
        return plan(federation(case.get("pillar")), **inputs(case))
    except MipError as error:
        return error


def words_of(made: Plan) -> dict[str, Any]:
    """A plan in the words of a case, everything that a case may name."""
    listed = json.loads(made.blobs[made.pathologies_json])
    return {
        "pathologies": {
            p.name: {
                "code": p.code,
                "label": p.label,
                "datasets": {code: list(nodes) for code, nodes in p.datasets.items()},
                "added": list(p.added),
                "removed": list(p.removed),
                "cde_source": p.cde_source,
                "nodes": list(p.nodes),
            }
            for p in (*made.pathologies, *made.gone)
        },
        "listed": [p.name for p in made.pathologies],
        "enumerations": {
            p.name: [
                [code, label] for code, label in parse(made.blobs[p.cde], pathology=p.name).datasets
            ]
            for p in (*made.pathologies, *made.gone)
        },
        "pathologies_json": [
            {key: entry[key] for key in ("code", "label", "datasets")} for entry in listed
        ],
        "writes": [" ".join(filter(None, (w.node, w.kind, w.pathology))) for w in made.writes],
        "reasons": [w.reason for w in made.writes],
        "files": {
            node: {
                name: [f"{f.name} (kept)" if f.kept else f.name for f in files]
                for name, files in folders.items()
            }
            for node, folders in made.files.items()
        },
        "structure": made.structure,
        "problems": [
            {
                key: value
                for key, value in to_builtins(ReportedProblem.of(problem)).items()
                if value not in (None, [], 1)
            }
            for problem in made.problems
        ],
        "workers": {
            node: {
                "status": facts["status"],
                "datasets": {p: list(codes) for p, codes in facts["datasets"].items()},
            }
            for node, facts in made.workers.items()
        },
        "changed": made.changed,
    }
