"""The requests that a master answers on its port, and how."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from . import databases
from .databases import Metadata, kept

PREFIX = "/mining/query/"


class Failed(Exception):
    """A 500."""


def parameters(body: bytes) -> dict[str, str]:
    """A query's body: a JSON list of names and values, or none."""
    if not body.strip():
        return {}
    value = json.loads(body)
    if not isinstance(value, list):
        raise Failed("Expected BEGIN_ARRAY but was BEGIN_OBJECT")
    return {each["name"]: str(each["value"]) for each in value}


def user_error(text: str) -> tuple[int, object]:
    return 400, {"result": [{"data": text, "type": "text/plain+user_error"}]}


class Queries:
    """The queries of one master.

    ``keys`` reads the keystore (all keys; OSError where it does not answer), ``active`` the
    reachable nodes by name, and ``remote`` asks one of them for its part of LIST_DATASET.
    """

    def __init__(
        self,
        name: str,
        data: Path,
        keys: Callable[[], Mapping[str, str]],
        active: Callable[[], Mapping[str, str]],
        remote: Callable[[str], object],
    ) -> None:
        self.name = name
        self.data = data
        self._keys = keys
        self._active = active
        self._remote = remote
        self._metadata: Metadata | None = None

    def health_check(self, body: bytes) -> tuple[int, object]:
        parameters(body)
        self._known()
        return 200, {"active_nodes": ", ".join(self._active())}

    def list_variables(self, body: bytes) -> tuple[int, object]:
        asked, keys, metadata = parameters(body), self._known(), self._read()
        pathology = kept(asked.get("pathology", ""))
        wrong = self._unavailable(pathology, asked.get("dataset", ""), keys)
        if wrong is not None:
            return user_error(wrong)
        if pathology not in metadata.variables:
            raise Failed(f"the variables of {pathology} were not read")
        return 200, {
            "result": [
                {"data": list(metadata.variables[pathology]), "type": "application/json"},
            ]
        }

    def descriptive_stats(self, body: bytes) -> tuple[int, object]:
        """Stands for all algorithms that have columns: what is checked before one runs."""
        asked, metadata = parameters(body), self._read()
        broken = [name for name in metadata.broken if (self.data / name).exists()]
        if broken:
            raise Failed(f"no datasets.db in {broken[0]}")
        code, value = self.list_variables(body)
        if code != 200:
            return code, value
        known = metadata.variables[kept(asked["pathology"])]
        for column in asked.get("y", "").split(","):
            if kept(column) not in known:
                return user_error(f"Column {kept(column)} does not exist")
        return 200, {"result": [{"data": {}, "type": "application/json"}]}

    def list_dataset(self, body: bytes) -> tuple[int, object]:
        parameters(body)
        self._known()
        found = {self.name: databases.list_dataset(self.data)}
        for node, address in self._active().items():
            if node != self.name:
                found[node] = self._remote(address)
        return 200, {"result": [{"data": found, "type": "application/json"}]}

    def _read(self) -> Metadata:
        """Read once: a CDE or a pathology that comes later is not seen."""
        if self._metadata is None:
            self._metadata = databases.metadata(self.data)
        return self._metadata

    def _known(self) -> Mapping[str, str]:
        keys = self._keys()
        if f"master/{self.name}" not in keys:
            raise Failed("no master in the keystore")
        return keys

    def _unavailable(self, pathology: str, asked: str, keys: Mapping[str, str]) -> str | None:
        holders: dict[str, set[str]] = {}
        known = False
        for key, value in keys.items():
            kind, _, rest = key.partition("/")
            node, _, name = rest.partition("/")
            if kind == "data" and name == pathology:
                known = True
                for code in json.loads(value):
                    holders.setdefault(code, set()).add(node)
        if not known:
            return f"Pathology {pathology} is not available"
        codes = [kept(code) for code in asked.split(",")]
        missing = [code for code in codes if code not in holders]
        if missing:
            return f"Dataset(s) {', '.join(missing)} does not exist"
        active = {node for node in self._active() if f"active_workers/{node}" in keys}
        away = [code for code in codes if not holders[code] & active]
        if away:
            return (
                f"The following datasets {', '.join(away)} are currently unavailable."
                " Please try again later."
            )
        return None
