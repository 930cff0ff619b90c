"""From Salt's options to a :class:`~saltext_mip.pusher.session.Pusher`: the door to the pusher.

The only module of this room that knows Salt.
"""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import salt.pillar
import salt.utils.event

from saltext_mip.errors import DeclarationError
from saltext_mip.federation import Federation, federations, pick
from saltext_mip.files import shown
from saltext_mip.generations.store import Store
from saltext_mip.nodes import Nodes
from saltext_mip.plain import plain
from saltext_mip.pusher.session import Pusher
from saltext_mip.secret import Secret
from saltext_mip.services import seal


def declared(opts: Mapping[str, Any]) -> dict[str, Federation]:
    """All federations of the pillar of the pusher itself."""
    compiled = salt.pillar.Pillar(
        {**opts, "pillar_safe_render_error": False}, {}, opts["id"], "base"
    ).compile_pillar()
    if errors := compiled.get("_errors"):
        raise DeclarationError("(rendering)", "; ".join(_told(str(error)) for error in errors))
    return federations(plain(compiled))


def _told(error: str) -> str:
    """An error of rendering, without the lines of the file that Salt shows: these hold secrets."""
    said, *rest = re.split(r"^(?:Traceback |---)", error, maxsplit=1, flags=re.MULTILINE)
    line = re.search(r"; line \d+$", "".join(rest), re.MULTILINE)
    words = " ".join(said.split()).removesuffix(";")
    return words + (line.group() if line and line.group() not in words else "")


@contextmanager
def opened(opts: Mapping[str, Any], federation: str | None) -> Iterator[Pusher]:
    """The pusher's surroundings for one command on that federation."""
    chosen = pick(declared(opts), federation)
    state = chosen.state(Path(opts["root_dir"]))
    with Nodes(opts) as nodes:
        yield Pusher(
            federation=chosen,
            state=state,
            nodes=nodes,
            store=Store(state),
            progress=_progress(opts),
            fire=lambda event, data: _fire(opts, f"mip/{chosen.name}/{event}", data),
            actor=_actor(),
            now=lambda: datetime.now(UTC),
            unseal=lambda text, node: _unsealed(opts, text, node),
        )


def _unsealed(opts: Mapping[str, Any], text: str, node: str) -> Secret:
    key = (Path(opts["pki_dir"]) / "master.pem").read_bytes()
    return seal.opened(text, key, opts.get("key_pass"), node=node)


def _progress(opts: Mapping[str, Any]) -> Callable[[str], None]:
    """To standard error, where a person runs the command; in a daemon that would be its log."""
    if opts.get("__cli") != "salt-run":
        return lambda _: None
    return lambda text: print(f"  {shown(text)}", file=sys.stderr, flush=True)  # noqa: T201


def _fire(opts: Mapping[str, Any], tag: str, data: Mapping[str, Any]) -> None:
    with salt.utils.event.get_event("master", opts=dict(opts), listen=False) as bus:
        bus.fire_event(dict(data), tag)


def _actor() -> str:
    """Who asked: the person behind sudo where there is one."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
