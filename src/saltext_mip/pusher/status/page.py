"""How the status page is reached: from the operator's machine, and by a hospital's link."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET

from saltext_mip.arguments import duration
from saltext_mip.errors import Misuse
from saltext_mip.pusher.context import Pusher
from saltext_mip.results import PageLink, PageResult
from saltext_mip.watch.page import access, source
from saltext_mip.watch.page.settings import PageSettings


def page(pusher: Pusher, node: Any, valid: Any, *, host: str | None = None) -> PageResult:
    """The result of ``mip.page``; with ``node`` a link to its part, which is valid for ``valid``.

    ``host`` is the pusher's name in the network.
    """
    settings = PageSettings.of(pusher.federation)
    if settings is None:
        raise Misuse(
            "no page is declared: put page: {} into the federation's pillar, run mip setup and "
            "restart the Salt master (see the manual, Watching)."
        )
    if settings.refusal:
        raise Misuse(f"the page is not served: {settings.refusal}.")
    name = pusher.federation.name
    link = UNSET if node is None else _link(pusher, settings, str(node), valid)
    tunnel = (
        f"ssh -N -L {settings.port}:{settings.host}:{settings.port} {pusher.actor}@"
        f"{host or socket.getfqdn()}"
    )
    local = f"{settings.scheme}://127.0.0.1:{settings.port}"
    return PageResult(
        federation=name,
        url=f"{settings.base if settings.public else local}/{name}/",
        tunnel=UNSET if settings.public else tunnel,
        link=link,
    )


def _link(pusher: Pusher, settings: PageSettings, name: str, valid: Any) -> PageLink:
    if not settings.public:
        raise Misuse(
            "the page is reached by an ssh tunnel only, so a link is of no use to a hospital: "
            "declare page: url, token_sha256 and tls in the pillar (see the manual, Watching)."
        )
    node = pusher.federation.node(name)
    until = (pusher.now() + duration(valid)).timestamp()
    signed = access.sign(source.link_key(pusher.state), pusher.federation.name, node.id, int(until))
    return PageLink(
        node=node.id,
        url=f"{settings.base}/{pusher.federation.name}/link/{signed}/",
        until=datetime.fromtimestamp(int(until), UTC).isoformat(),
    )
