"""exareme 24.3.0 to 24.5.1: its requests, its keystore, its names, and what it reads when.

What is known of it stands in REFERENCE.md. Two of its answers prove nothing: ``LIST_DATASET`` reads
databases that nobody announced (and leaves files behind), and being in ``active_nodes`` comes a
minute before datasets are announced. So a dataset counts as served where its worker is registered
(``active_workers``, at the address of the task that runs), announced it (``data/<node>/…``), and
``LIST_VARIABLES`` of it is answered.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Collection, Mapping
from typing import Any

import requests

from saltext_mip import http
from saltext_mip.federation import Federation
from saltext_mip.swarm.engines.interface import Health, NameKind, Restarts, Served, Sources
from saltext_mip.text import shown

PORT = 9090
TIMEOUT = 5.0  # seconds, for one question
QUERIES = 20.0  # seconds, for all LIST_VARIABLES of one look
MAX_SIZE = 16 << 20  # bytes of one answer
QUERY = "/mining/query/"
_ANSWER = 1000  # characters of an unexpected answer that are looked at

KEPT = re.compile(r'[A-Za-z0-9._~*+><=&|(){}:"\[\]-]')
# the portal drops these from a user's roles, but not from the dataset that it looks for
PORTAL = frozenset("+[]")


class Unknown(Exception):
    """Something answers, but not as exareme does; the message tells what."""


class Exareme:
    """The engine; it keeps nothing between calls."""

    compile_target = "exareme-24.5.0"

    def dropped(self, kind: NameKind, name: str) -> str:
        refused = PORTAL if kind == "dataset" else frozenset()
        found = [char for char in name if not KEPT.fullmatch(char) or char in refused]
        return "".join(dict.fromkeys(found))

    def cde_digest(self, content: bytes) -> str:
        """The datasets that a CDE lists are left out: a master takes them from the keystore."""
        try:
            tree = json.loads(content)
            variables = [
                {key: value for key, value in each.items() if key != "enumerations"}
                if each.get("code") == "dataset"
                else each
                for each in tree.get("variables", ())
            ]
            text = json.dumps({**tree, "variables": variables}, sort_keys=True)
        except (ValueError, AttributeError):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def restarts(self, federation: Federation, before: Sources | None, after: Sources) -> Restarts:
        seen = before or Sources()
        why = "no record of what it has read" if before is None else ""
        master = why or _cdes_changed(seen.cdes, after.cdes)
        keys, workers = {}, {}
        for node in federation.workers:
            old, new = seen.datasets.get(node.id, {}), after.datasets.get(node.id, {})
            for name in sorted(set(old) - set(new)):
                keys[f"data/{node.hostname}/{name}"] = "the worker no longer has it"
            follows = "it must register with the restarted master" if master else ""
            if reason := why or _datasets_changed(old, new) or follows:
                workers[node.id] = reason
        return Restarts(master or None, workers, keys)

    # -- whether it serves

    def health(
        self, host: str = "127.0.0.1", port: int = PORT, *, timeout: float = TIMEOUT
    ) -> Health:
        try:
            code, value = _query(f"http://{host}:{port}", "HEALTH_CHECK", timeout=timeout)
            if code != 200 or not isinstance(value, dict):
                raise Unknown(_answered(code, value))
            names = value.get("active_nodes")
            if not isinstance(names, str):
                raise Unknown(_answered(code, value))
            return Health(frozenset(name.strip() for name in names.split(",") if name.strip()))
        except ConnectionRefusedError:
            return Health(error=f"connection refused on {host}:{port}")
        except Unknown as exc:
            return Health(error=f"unexpected answer on {host}:{port}: {exc}", unknown=True)

    def registered(
        self, master: str, keys: Mapping[str, str], addresses: Mapping[str, Collection[str]]
    ) -> bool:
        return _has_key(f"master/{master}", keys, addresses.get(master, ()))

    def worker_registered(
        self, worker: str, keys: Mapping[str, str], addresses: Mapping[str, Collection[str]]
    ) -> bool:
        return _has_key(f"active_workers/{worker}", keys, addresses.get(worker, ()))

    def prove(
        self,
        master: str,
        keys: Mapping[str, str],
        addresses: Mapping[str, Collection[str]],
        health: Health,
        *,
        host: str = "127.0.0.1",
        port: int = PORT,
    ) -> Served:
        if not self.registered(master, keys, addresses):
            return Served(error="the master is not registered in the keystore yet")
        if health.reached is None:
            return Served(error=health.error, unknown=health.unknown)
        active = {
            name
            for name in health.reached - {master}
            if self.worker_registered(name, keys, addresses)
        }
        try:
            announced = _announced(keys, active)
            base, deadline = f"http://{host}:{port}", time.monotonic() + QUERIES
            datasets = {
                name: found
                for name, below in sorted(announced.items())
                if (found := _proven(base, name, below, deadline))
            }
        except ConnectionRefusedError:
            return Served(error=f"connection refused on {host}:{port}")
        except Unknown as exc:
            return Served(tuple(sorted(active)), error=str(exc), unknown=True)
        return Served(tuple(sorted(active)), datasets)


def _has_key(key: str, keys: Mapping[str, str], addresses: Collection[str]) -> bool:
    """Whether the key is there, at an address of the task that runs now (where those are known):
    an engine's keys outlive it."""
    return key in keys and (not addresses or keys[key].strip().strip('"') in addresses)


def _announced(keys: Mapping[str, str], active: Collection[str]) -> dict[str, dict[str, list[str]]]:
    """``{pathology: {dataset: [hostnames]}}`` of the active workers."""
    found: dict[str, dict[str, list[str]]] = {}
    for key, value in sorted(keys.items()):
        kind, _, rest = key.partition("/")
        node, _, pathology = rest.partition("/")
        if kind != "data" or node not in active:
            continue
        try:
            codes = json.loads(value or "[]")
        except ValueError:
            codes = None
        if not isinstance(codes, list):
            raise Unknown(f"{shown(key)} in the keystore is not a list of datasets")
        for code in map(str, codes):
            found.setdefault(pathology, {}).setdefault(code, []).append(node)
    return found


def _proven(
    base: str, pathology: str, datasets: Mapping[str, list[str]], deadline: float
) -> dict[str, tuple[str, ...]]:
    """Those of the datasets that the master answers ``LIST_VARIABLES`` for."""
    codes = list(datasets)
    if not codes:
        return {}
    if not _lists_variables(base, pathology, codes, deadline):
        codes = [
            code
            for code in codes
            if len(datasets) > 1 and _lists_variables(base, pathology, [code], deadline)
        ]
    return {code: tuple(sorted(datasets[code])) for code in codes}


def _lists_variables(base: str, pathology: str, codes: Collection[str], deadline: float) -> bool:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Unknown(f"LIST_VARIABLES took more than {QUERIES:g} s")
    asked = [
        {"name": "pathology", "value": pathology},
        {"name": "dataset", "value": ",".join(codes)},
    ]
    code, value = _query(base, "LIST_VARIABLES", asked, timeout=min(left, 2 * TIMEOUT))
    if code == 200 and isinstance(value, (dict, list)):
        return True
    # 400: what it does not serve; 500: a pathology that it has not read
    if (code == 400 and isinstance(value, dict) and "result" in value) or code == 500:
        return False
    raise Unknown(f"unexpected answer to LIST_VARIABLES: {_answered(code, value)}")


def _query(base: str, name: str, body: Any = None, *, timeout: float) -> tuple[int, Any]:
    """Status code and value: JSON where it is, else text.

    ``ConnectionRefusedError`` where nothing listens, :class:`Unknown` where no answer comes.
    """
    data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
    try:
        # a proxy knows nothing of this
        with http.Session(timeout=timeout, max_size=MAX_SIZE, proxies=False) as session:
            answer = session.post(
                base + QUERY + name, data=data, headers={"Content-Type": "application/json"}
            )
    except requests.Timeout:
        raise Unknown(f"no answer to {name} within {timeout:g} s") from None
    except http.RedirectRefused as exc:
        raise Unknown(f"the response is a redirect {exc}") from None
    except http.TooLarge as exc:
        raise Unknown(str(exc)) from None
    except requests.ConnectionError as exc:
        if "refused" in str(exc):
            raise ConnectionRefusedError from None
        raise Unknown(f"{name}: {type(exc).__name__}") from None
    except requests.RequestException as exc:
        raise Unknown(f"{name}: {type(exc).__name__}") from None
    try:
        return answer.status_code, answer.json()
    except ValueError:
        return answer.status_code, answer.text


def _answered(code: int, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{code} {shown(' '.join(text[:_ANSWER].split()), 120)}"


def _datasets_changed(
    old: Mapping[str, tuple[str, ...]], new: Mapping[str, tuple[str, ...]]
) -> str:
    found = []
    for name in sorted({*old, *new}):
        come = sorted(set(new.get(name, ())) - set(old.get(name, ())))
        gone = sorted(set(old.get(name, ())) - set(new.get(name, ())))
        changes = [f"+{code}" for code in come] + [f"-{code}" for code in gone]
        if changes or (name in old) != (name in new):
            found.append(f"{name}: {', '.join(changes) or 'added or removed'}")
    return f"its datasets changed ({'; '.join(found)})" if found else ""


def _cdes_changed(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return f"CDEs changed: {', '.join(changed)}" if changed else ""
