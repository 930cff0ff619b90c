"""The nodes of a federation as ``mip.nodes`` lists them, none of them asked yet."""

from __future__ import annotations

from saltext_mip.federation import Federation
from saltext_mip.results import NodeInfo, NodesResult, SshAccess

KNOWN_HOSTS = "/var/lib/mip/fed1/known_hosts"


def listed(federation: Federation) -> NodesResult:
    return NodesResult(
        federation=federation.name,
        nodes={
            node.id: NodeInfo(
                role=node.role,
                short=node.short,
                address=node.address,
                data_path=None if node.role == "ui" else str(node.data_path),
                enabled=True,
                up=None,
                since=None,
            )
            for node in federation.nodes
        },
        ssh=SshAccess(**federation.settings["ssh"], known_hosts=KNOWN_HOSTS),
    )
