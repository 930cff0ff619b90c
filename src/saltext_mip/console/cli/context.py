"""What an action of the command has at hand: Salt, the screen, and the names of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from saltext_mip.console.cli.commands import Action
from saltext_mip.console.cli.salt import CommandResult, Salt
from saltext_mip.console.cli.terminal import Show
from saltext_mip.console.ssh import Login
from saltext_mip.federation import find_node


@dataclass(frozen=True)
class Context:
    """``config``: Salt's folder, where it is not the usual one."""

    show: Show
    action: Action
    salt: Salt
    config: str | None = None
    verbose: int = 0
    pusher: bool = True

    def run(self, function: str, *, bar: bool = True, **arguments: Any) -> CommandResult:
        """Call a runner function and show its progress."""
        with self.show.progress(function.replace("_", " "), bar=bar) as progress:
            return self.salt.run(function, arguments, progress)

    def shown(self, command: str, result: CommandResult, *, json: bool = False) -> int:
        """Show what came of it; the exit code."""
        if result.error is not None:
            self.show.error(result.error)
            return result.code
        (replace(self.show, json=True) if json else self.show).value(command, result.value)
        return result.code

    def node(self, value: Mapping[str, Any], name: str) -> str:
        """The minion id of the node of ``value`` that is called so, compared whole.

        A minion id wins; a name that fits two nodes is an error.
        """
        names = {
            node: (facts.get("short"), facts.get("hospital"), facts.get("address"))
            for node, facts in value["nodes"].items()
        }
        return find_node(value["federation"], names, name)

    def login(self, nodes: Mapping[str, Any], node: str) -> Login:
        """Where ssh goes for a node of what ``mip.nodes`` returned."""
        ssh = nodes["ssh"]
        address = nodes["nodes"][node]["address"]
        return Login(node, ssh["user"], address, ssh["port"], ssh["known_hosts"])
