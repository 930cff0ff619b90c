"""Make a :class:`~saltext_mip.pusher.context.Pusher` from Salt's options."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import salt.pillar
import salt.utils.event

from saltext_mip import sealing
from saltext_mip.bridge.jobs import Nodes
from saltext_mip.bridge.master import has_controller, master_problems
from saltext_mip.bridge.pillar import declared
from saltext_mip.bridge.progress import progress
from saltext_mip.federation import Federation, pick
from saltext_mip.generations.store import Store
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.nodes_seen import last_heard
from saltext_mip.secret import Secret


@contextmanager
def open_pusher(
    opts: Mapping[str, Any], federation: str | None, *, chosen: Federation | None = None
) -> Iterator[Pusher]:
    """The pusher's surroundings for one command on that federation.

    ``chosen`` is its declaration where the caller has compiled the pillar already.
    """
    chosen = chosen or pick(declared(opts), federation)
    state = chosen.state(Path(opts["root_dir"]))
    addresses = {node.id: node.address for node in chosen.nodes}
    with Nodes(opts, addresses=addresses, heard=lambda: last_heard(state)) as nodes:
        yield Pusher(
            federation=chosen,
            state=state,
            nodes=nodes,
            store=Store(state),
            progress=progress(opts),
            fire=lambda event, data: _fire(opts, f"mip/{chosen.name}/{event}", data),
            actor=_actor(),
            now=lambda: datetime.now(UTC),
            unseal=lambda text, binding: _unsealed(opts, text, binding),
            master_problems=master_problems(opts),
            has_controller=has_controller(opts),
        )


def _unsealed(opts: Mapping[str, Any], text: str, binding: sealing.Binding) -> Secret:
    key = (Path(opts["pki_dir"]) / "master.pem").read_bytes()
    return sealing.opened(text, key, opts.get("key_pass"), binding=binding)


def _fire(opts: Mapping[str, Any], tag: str, data: Mapping[str, Any]) -> None:
    with salt.utils.event.get_event("master", opts=dict(opts), listen=False) as bus:
        bus.fire_event(dict(data), tag)


def _actor() -> str:
    """The operator: the user behind sudo if there is one."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
