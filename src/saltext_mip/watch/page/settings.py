"""What the pillar declares about the page, and which servers follow from it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from saltext_mip.federation import Federation

PORT = 8480
LOOPBACK = "127.0.0.1"
_LOCAL = ("localhost", "127.0.0.1", "::1")


class PageSettings(Struct, frozen=True):
    """``page`` of the pillar: where the page is served, and who may read it.

    ``token_sha256`` is the digest of the token that readers need. ``url`` is how they reach the
    page; ``hosts`` are further names that a request may have as its ``Host``.
    """

    address: str = LOOPBACK
    port: int = PORT
    url: str = ""
    hosts: tuple[str, ...] = ()
    token_sha256: str = ""
    certificate: str = ""
    key: str = ""
    behind_proxy: bool = False

    @classmethod
    def of(cls, federation: Federation) -> PageSettings | None:
        """``None`` where the pillar declares no page."""
        declared: Mapping[str, Any] | None = federation.settings.get("page")
        if declared is None:
            return None
        tls = declared.get("tls", {})
        return cls(
            address=declared.get("address", LOOPBACK),
            port=declared.get("port", PORT),
            url=declared.get("url", ""),
            hosts=tuple(declared.get("hosts", ())),
            token_sha256=declared.get("token_sha256", ""),
            certificate=tls.get("certificate", ""),
            key=tls.get("key", ""),
            behind_proxy=declared.get("behind_proxy", False),
        )

    @property
    def public(self) -> bool:
        """Whether others than users of the pusher's machine may reach it, such as by a proxy."""
        try:
            loopback = ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            loopback = False
        return not loopback or self.behind_proxy or bool(self.hosts or self.url)

    @property
    def refusal(self) -> str:
        """Why it is not served with these settings, and what to do; empty: it is."""
        if not self.public:
            return ""
        if not self.token_sha256:
            return (
                "page: others than users of this machine can reach it, so it needs token_sha256: "
                "the SHA-256 of a token that its readers get (see the manual, Watching)"
            )
        if not self.certificate and not self.behind_proxy:
            return (
                "page: its token would be sent without encryption: add tls: {certificate: …, "
                "key: …}, or behind_proxy: true if a proxy on the way has the certificate"
            )
        return ""

    @property
    def names(self) -> frozenset[str]:
        """The hosts that a request may name."""
        own = urlsplit(self.url).hostname if self.url else None
        found = {*self.hosts, own or "", *_LOCAL, self.address}
        return frozenset(each.lower() for each in found if each)

    @property
    def host(self) -> str:
        """The address as it stands before a port."""
        return f"[{self.address}]" if ":" in self.address else self.address

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"

    @property
    def base(self) -> str:
        """The address of the list of federations, without a slash at its end."""
        if self.url:
            return self.url.rstrip("/")
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True)
class ServerPlan:
    """One server, and the federations that it shows."""

    settings: PageSettings
    federations: tuple[str, ...]


def servers(federations: Iterable[Federation]) -> tuple[list[ServerPlan], list[str]]:
    """The servers of these federations: those that share an address and a port share one.

    And why some are not served, each with its federation.
    """
    plans: dict[tuple[str, int], ServerPlan] = {}
    refused = []
    for federation in federations:
        settings = PageSettings.of(federation)
        if settings is None:
            continue
        if settings.refusal:
            refused.append(f"{federation.name}: {settings.refusal}")
            continue
        place = (settings.address, settings.port)
        plan = plans.get(place, ServerPlan(settings, ()))
        if plan.settings != settings:
            refused.append(
                f"{federation.name}: page: {plan.federations[0]} has other settings for the same "
                f"address and port ({settings.address}, {settings.port}): make them equal, or use "
                "another port"
            )
            continue
        plans[place] = ServerPlan(settings, (*plan.federations, federation.name))
    return list(plans.values()), refused
