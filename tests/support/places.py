"""A federation's nodes as plain folders, for the transaction without Salt.

``Places(root)`` has a master, a ui and two workers, each with its data path and its state, and a
``send`` that does on them what the minions would do. What each shall have is told by
:meth:`Places.needed`, the smallest plan that there is: compare what is with what should be.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from saltext_mip.errors import MipError
from saltext_mip.federation import CDE_FILE, DATABASE_FILE
from saltext_mip.generations.generation import Generation, wrote
from saltext_mip.generations.store import Store
from saltext_mip.storage import atomic, beneath
from saltext_mip.storage.beneath import Where
from saltext_mip.transaction import coordinator, participant
from saltext_mip.transaction.journal import Journal
from saltext_mip.transaction.payload import Payload, pack, unpack

FEDERATION = "fed1"
WHEN = "2026-03-12T10:00:00+00:00"
Wanted = Mapping[tuple[str, str | None], bytes]  # (node, pathology; None: pathologies.json)


class Write(NamedTuple):
    """As ``consolidation.Write``, which is dear to import where it is done hundreds of times."""

    node: str
    kind: participant.Kind
    pathology: str | None
    sha256: str
    replaces: str | None = None
    reason: str = ""


@dataclass
class Answers:
    values: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def rowless(pathology: str, cde: bytes, target: Where) -> None:
    """The smallest database that is one."""
    with sqlite3.connect(beneath.file(target).path, isolation_level=None) as database:
        database.execute("PRAGMA journal_mode=OFF")
        database.execute("CREATE TABLE METADATA (code TEXT)")
    database.close()


class Places:
    """Nodes ``ms``, ``ui``, ``wk1``, ``wk2`` under ``root``; the pusher's state too."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "pusher" / "state"
        self.store = Store(self.state)
        self.journal = Journal(self.state)
        self.before: Callable[[str, str], None] = lambda step, node: None

    def place(self, node: str) -> participant.Place:
        home = self.root / node
        return participant.Place(
            federation=FEDERATION,
            node=node,
            state=home / "state",
            data_path=None if node == "ui" else home / "data" / FEDERATION,
            pathologies_path=home / "config" / "pathologies.json" if node == "ui" else None,
        )

    def make(self, have: Wanted, csvs: Mapping[tuple[str, str], bytes]) -> None:
        """The folders as an operator has them: ``have``, and for (node, pathology) one CSV."""
        for node in ("ms", "wk1", "wk2"):
            self.data(node).mkdir(parents=True, mode=0o770)
        (self.root / "ui" / "config").mkdir(parents=True)
        for (node, pathology), content in csvs.items():
            (self.data(node) / pathology).mkdir(exist_ok=True)
            (self.data(node) / pathology / "a.csv").write_bytes(content)
        for (node, pathology), content in have.items():
            path = self.path(node, pathology)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            if node == "ms":
                rowless(str(pathology), content, path.with_name(DATABASE_FILE))

    def data(self, node: str) -> Path:
        path = self.place(node).data_path
        assert path is not None
        return path

    def path(self, node: str, pathology: str | None) -> Path:
        if pathology is not None:
            return self.data(node) / pathology / CDE_FILE
        path = self.place(node).pathologies_path
        assert path is not None
        return path

    def has(self, node: str, pathology: str | None) -> bytes | None:
        path = self.path(node, pathology)
        return path.read_bytes() if path.exists() else None

    # -- the pusher

    def send(self, step: str, payloads: Mapping[str, Payload]) -> Answers:
        answers = Answers()
        for node, payload in payloads.items():
            try:
                self.before(step, node)
                answers.values[node] = self.do(step, node, payload)
            except TimeoutError as error:
                answers.missing[node] = str(error)
            except MipError as error:
                answers.failed[node] = str(error)
        return answers

    def do(self, step: str, node: str, payload: Payload) -> Any:
        place, txn = self.place(node), payload.transaction
        if step == "stage":
            entries = unpack(pack({node: payload}), node)
            return len(
                participant.stage(place, txn, entries, database=rowless if node == "ms" else None)
            )
        if step == "commit":
            return len(participant.commit(place, txn))
        return participant.abort(place, txn)

    def needed(self, wanted: Wanted) -> list[Write]:
        """What has to be written so that all is as wanted."""
        return [
            Write(
                node,
                "cde" if pathology else "pathologies",
                pathology,
                hashlib.sha256(content).hexdigest(),
            )
            for (node, pathology), content in wanted.items()
            if self.has(node, pathology) != content
        ]

    def generation(self, wanted: Wanted, writes: list[Write]) -> Generation:
        cdes = {p: hashlib.sha256(c).hexdigest() for (_, p), c in wanted.items() if p}
        return Generation(
            number=self.store.next_number(),
            when=WHEN,
            actor="root",
            files={},
            pathologies={pathology: {"edsd": ("wk1",)} for pathology in cdes},
            cdes=cdes,
            pathologies_json=hashlib.sha256(wanted["ui", None]).hexdigest(),
            structure=[],
            wrote=wrote(writes),
        )

    def consolidate(self, wanted: Wanted, txn: str = "t1", **more: Any) -> Generation | None:
        """As the command: finish what was begun, look, and write what differs."""
        coordinator.recover(send=self.send, journal=self.journal, store=self.store)
        writes = self.needed(wanted)
        made = self.generation(wanted, writes)
        last = self.store.last()
        return coordinator.run(
            writes,
            {hashlib.sha256(content).hexdigest(): content for content in wanted.values()},
            generation=made if writes or last is None or last.blobs != made.blobs else None,
            txn=txn,
            actor="root",
            when=WHEN,
            send=self.send,
            journal=self.journal,
            store=self.store,
            **more,
        )

    # -- looking at it

    def snapshot(self) -> dict[str, tuple[int, int, bytes]]:
        """Every file of the nodes' own folders: inode, mtime, content."""
        return {
            str(path.relative_to(self.root)): (
                path.stat().st_ino,
                path.stat().st_mtime_ns,
                path.read_bytes(),
            )
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }

    def leftovers(self) -> list[str]:
        """Temporary files and folders of ours, anywhere."""
        return [
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if atomic.is_ours(path.name)
        ]
