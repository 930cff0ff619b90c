"""How a shell on a node is reached: the argument list of ssh, and the host keys it goes by.

Nobody types ``yes`` to an unknown key: keys are asked from Salt, which knows whom it asks, and
stand in a file of our own under the node's minion id, whatever its address and port.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


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


def checked_keys(value: Any) -> tuple[str, ...]:
    """``type base64`` of each host key that a node told; ValueError where it told anything else."""
    if not isinstance(value, list) or len(value) > MOST_KEYS:
        raise ValueError("these are no host keys")
    return tuple(sorted({_checked(line) for line in value}))


def _checked(line: Any) -> str:
    kind, _, rest = line.partition(" ") if isinstance(line, str) else ("", "", "")
    blob = rest.partition(" ")[0]
    try:
        inside = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        inside = b""
    name = kind.encode()
    if kind not in KEY_TYPES or inside[4 : 4 + len(name)] != name or len(inside) > 4096:
        raise ValueError("this is no host key")
    return f"{kind} {blob}"


def known_hosts(before: str, keys: Mapping[str, Iterable[str]]) -> str:
    """The file's text with the keys of these nodes, by minion id; other nodes' lines stay."""
    lines = [line for line in before.splitlines() if line.partition(" ")[0] not in keys]
    lines += [f"{node} {key}" for node, theirs in keys.items() for key in theirs]
    return "".join(f"{line}\n" for line in sorted(lines))


def own_keys(folder: Path) -> list[str]:
    """The public host keys of this machine, ``type base64`` each."""
    found = []
    for path in sorted(folder.glob("ssh_host_*_key.pub")):
        words = path.read_text("utf-8").split()
        if len(words) >= 2 and re.fullmatch(r"[a-z0-9-]+", words[0]) and words[0] in KEY_TYPES:
            found.append(" ".join(words[:2]))
    return found
