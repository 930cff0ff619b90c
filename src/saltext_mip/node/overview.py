"""What a node has, briefly: fingerprints for the pusher to compare, databases, what is amiss."""

from __future__ import annotations

import hashlib
from typing import Any

from saltext_mip.errors import MipError
from saltext_mip.node import databases
from saltext_mip.node.context import NodeContext
from saltext_mip.node.inventory import collect_inventory


def overview(here: NodeContext) -> dict[str, Any]:
    """``{"data", "databases", "pathologies_json"}``; of the ui only the last, ``None`` elsewhere.

    ``data`` is ``{"status", "pathologies": {name: {"cde": SHA-256, "files": {name: SHA-256}}}}``,
    ``databases`` ``{name: {"current", "reason"}}``. What was looked at before is not read again.
    """
    if not here.has_data:
        return {"data": None, "databases": {}, "pathologies_json": _sha256(here)}
    seen = collect_inventory(here)
    value: dict[str, Any] = {
        "data": {
            "status": seen.status,
            "pathologies": {
                pathology.name: {
                    "cde": pathology.cde,
                    "files": {file.name: file.sha256 for file in pathology.files},
                }
                for pathology in seen.pathologies
            },
        },
        "databases": {},
        "pathologies_json": None,
    }
    try:
        value["databases"] = databases.states(here)
    except MipError:  # a disk that is gone: the status above says so
        value["databases"] = {}
    return value


def _sha256(here: NodeContext) -> str | None:
    try:
        return hashlib.sha256(here.federation.pathologies_path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
