"""The nodes' ssh host keys, fetched through Salt, which authenticates nodes.

So an operator never confirms an unknown key: the keys are in a file of our own under the node's
minion id, whatever its address and port.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HOST_KEYS = Path("/etc/ssh")


KEY_TYPES = frozenset(
    {
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
    }
)


MOST_KEYS = 8
LONGEST = 8192  # characters of a line with a key


def checked_keys(value: Any) -> tuple[str, ...]:
    """``type base64`` of each host key that a node reported; ValueError for anything else."""
    if not isinstance(value, list) or len(value) > MOST_KEYS:
        raise ValueError("not a list of host keys")
    return tuple(sorted({_checked(line) for line in value}))


def _checked(line: Any) -> str:
    if not isinstance(line, str) or len(line) > LONGEST:
        raise ValueError("not a host key")
    kind, _, rest = line.partition(" ")
    blob = rest.partition(" ")[0]
    try:
        inside = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        inside = b""
    name = kind.encode()
    if kind not in KEY_TYPES or inside[4 : 4 + len(name)] != name or len(inside) > 4096:
        raise ValueError("not a host key")
    return f"{kind} {blob}"


def known_hosts(before: str, keys: Mapping[str, Iterable[str]]) -> str:
    """The file's text with the keys of these nodes, by minion id; other nodes' lines stay."""
    lines = [line for line in before.splitlines() if line.partition(" ")[0] not in keys]
    lines += [f"{node} {key}" for node, theirs in keys.items() for key in theirs]
    return "".join(f"{line}\n" for line in sorted(lines))


def known(text: str) -> frozenset[str]:
    """The nodes, by minion id, that a file with that text has keys of."""
    return frozenset(line.partition(" ")[0] for line in text.splitlines())


def own_keys(folder: Path) -> list[str]:
    """The public host keys of this machine, ``type base64`` each."""
    found = []
    for path in sorted(folder.glob("ssh_host_*_key.pub")):
        fields = path.read_text("utf-8").split()
        if len(fields) >= 2 and fields[0] in KEY_TYPES:
            found.append(" ".join(fields[:2]))
    return found
