"""Reads answers as the pusher does, in a process of its own, and measures what they cost.

``python -m tests.support.answer_reader``: a line of standard input is ``KIND<TAB>NAME-OF-A-FILE``,
and the file has an answer as it is sent (base 85); a line of standard output is a JSON document:
what it came to, and what it cost. An answer that costs far too much ends the process.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from saltext_mip import host_keys, wire
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.errors import BadAnswer
from saltext_mip.pusher.compile import SentDatabases, SentStates
from saltext_mip.pusher.logs import SentLog
from saltext_mip.pusher.nodes import SentEnrolment
from saltext_mip.pusher.services import client
from saltext_mip.pusher.services.deploy import SentApplied, SentMembership, SentReady
from saltext_mip.pusher.status.snapshot import SentStatus
from saltext_mip.schemas.decoding import decode

NODE = "fed1-wk-h1"


def _of(kind: Any) -> Callable[[Any], Any]:
    return lambda value: decode(kind, value, node=NODE)


def _host_keys(value: Any) -> Any:
    try:
        return host_keys.checked_keys(value)
    except ValueError as error:
        raise BadAnswer(str(error), node=NODE) from None


READERS: Mapping[str, Callable[[Any], Any]] = {
    "inventory": lambda value: Inventory.from_wire(NODE, "fed1", value),
    "services": lambda value: client.decode_services(NODE, value),
    "status": _of(SentStatus),
    "ready": _of(SentReady),
    "applied": _of(SentApplied),
    "membership": _of(SentMembership),
    "enforced": _of(client.Enforced),
    "databases": _of(SentStates),
    "compiled": _of(SentDatabases),
    "log": _of(SentLog),
    "enrolment": _of(SentEnrolment),
    "host keys": _host_keys,
}


def read(kind: str, text: str) -> str:
    """``ok``, or why the answer is refused; anything else than a refusal is an error."""
    pieces = [text[at : at + wire.PAGE] for at in range(0, len(text), wire.PAGE)] or [""]
    digest = wire.digest(text)
    try:
        pages = [
            wire.check_page(
                {
                    "mip": 1,
                    "sha256": digest,
                    "page": number,
                    "pages": len(pieces),
                    "parts": [piece[at : at + wire.PART] for at in range(0, len(piece), wire.PART)],
                }
            )
            for number, piece in enumerate(pieces)
        ]
        READERS[kind](wire.whole(pages))
    except (wire.Damaged, BadAnswer) as exc:
        return f"refused: {exc}"
    return "ok"


def main() -> None:
    read("inventory", "")  # what is imported late
    _limit_memory()
    for line in sys.stdin:
        kind, name = line.strip().split("\t")
        text = Path(name).read_text("utf-8")
        Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
        before = _status("VmRSS")
        _limit_seconds()
        came_to = read(kind, text)
        megabytes = (_status("VmHWM") - before) / 1024
        print(json.dumps({"came_to": came_to[:500], "megabytes": megabytes}), flush=True)


def _limit_memory() -> None:
    most = _status("VmSize") * 1024 + 256 * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _limit_seconds() -> None:
    """Of CPU, for the next answer; most that is allowed takes a second."""
    most = int(time.process_time()) + 10
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (most, hard))


def _status(key: str) -> int:
    """Kilobytes of this process."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


if __name__ == "__main__":
    main()
