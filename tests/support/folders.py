"""A federation whose nodes are folders: the pusher's work and the nodes' steps, without Salt.

What Salt would carry goes through JSON here too, so that nothing passes that a job could not carry.
A node may be ``down`` (does not answer), or ``broken`` (answers each step with that error).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from saltext_mip import __version__, wire
from saltext_mip.errors import MipError
from saltext_mip.federation import Federation, federations
from saltext_mip.generations.store import Store
from saltext_mip.node import jobs
from saltext_mip.node.context import NodeContext
from saltext_mip.pusher.answers import Answers
from saltext_mip.pusher.context import Pusher
from saltext_mip.swarm.errors import DockerUnavailable


class Folders:
    """``fed.root/<node>/data`` are the data paths, ``fed.root/<node>/state`` each node's state."""

    def __init__(self, root: Path, workers: int = 2, **declare: Any) -> None:
        self.root = root
        self.name = "fed1"
        nodes: dict[str, Any] = {
            "fed1-ms": {"role": "master", "address": "10.0.0.1"},
            "fed1-ui": {"role": "ui", "address": "10.0.0.2"},
        }
        for number in range(1, workers + 1):
            nodes[f"fed1-wk-h{number}"] = {
                "role": "worker",
                "hospital": f"h{number}",
                "address": f"10.0.1.{number}",
                "contact": f"it@h{number}.example",
            }
        for node, facts in nodes.items():
            facts["data_path"] = str(root / node / "data")
        self.declared = {"nodes": nodes, "ui_path": str(root / "fed1-ui/ui"), **declare}
        for node, facts in nodes.items():
            folder = root / node / ("ui/config" if facts["role"] == "ui" else "data")
            folder.mkdir(parents=True)
        self.down: set[str] = set()
        self.broken: dict[str, str] = {}
        self.forged: dict[str, Any] = {}
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.limits: dict[str, float | None] = {}
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.said: list[str] = []
        self.versions: dict[str, str] = {}
        self.before: Callable[[str, str], None] = lambda step, node: None
        self._now = datetime(2026, 3, 12, 3, 0, tzinfo=UTC)

    @property
    def federation(self) -> Federation:
        return federations({"mip": {"federations": {self.name: self.declared}}})[self.name]

    @property
    def pusher(self) -> Pusher:
        state = self.root / "pusher" / self.name
        return Pusher(
            federation=self.federation,
            state=state,
            nodes=self,
            store=Store(state),
            progress=self.said.append,
            fire=lambda event, data: self.events.append((event, data)),
            actor="operator",
            now=self._tick,
        )

    def data(self, node: str, *below: str) -> Path:
        return self.root.joinpath(node, "data", *below)

    def write(self, node: str, pathology: str, file: str, content: str | bytes) -> Path:
        path = self.data(node, pathology, file)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    @property
    def offered(self) -> Any:
        """The ui's pathologies.json."""
        return json.loads((self.root / "fed1-ui/ui/config/pathologies.json").read_bytes())

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Every file on every node, with content and mtime; the nodes' states left out."""
        return {
            str(path.relative_to(self.root)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.relative_to(self.root).parts[1] in ("data", "ui")
        }

    # -- what a Pusher asks of its nodes

    def ask(
        self,
        function: str,
        targets: Sequence[str],
        arguments: Sequence[Any] = (),
        *,
        timeout: float | None = None,
        progress: Callable[[str], None] | None = None,
        **keywords: Any,
    ) -> Answers:
        self.asked.append((function, tuple(targets)))
        self.limits[function] = timeout
        values, missing, failed = {}, {}, {}
        for node in targets:
            if node in self.down:
                missing[node] = "it does not answer"
            elif node in self.broken:
                failed[node] = self.broken[node]
            elif node in self.forged and function == "federation_node.inventory":
                values[node] = self.forged[node]
            else:
                try:
                    values[node] = self._run(node, function, arguments, keywords)
                except (MipError, OSError) as exc:
                    failed[node] = str(exc)
        versions = {node: self.versions.get(node, __version__) for node in values}
        return Answers(values, missing, failed, versions=versions)

    def _run(self, node: str, function: str, arguments: Sequence[Any], keywords: Any) -> Any:
        module, _, step = function.partition(".")
        assert module == "federation_node", function
        self.before(step, node)
        if step == "services":
            raise DockerUnavailable("socket not found")
        here = NodeContext(self.federation, self.federation.by_id(node), self.root / node / "state")
        keywords = json.loads(json.dumps(keywords))
        answer = json.loads(json.dumps(getattr(jobs, step)(here, **keywords)))
        if not wire.is_page(answer):
            return answer
        pages = [answer]
        while len(pages) < answer["pages"]:
            pages.append(jobs.page(here, answer["sha256"], len(pages)))
        return wire.whole(pages)

    def _tick(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now
