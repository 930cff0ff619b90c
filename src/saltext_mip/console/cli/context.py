"""What an action's code works with: its options, Salt, the display, and names of nodes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from saltext_mip.console.cli.action import Action
from saltext_mip.console.cli.salt import CommandResult, Salt
from saltext_mip.console.cli.terminal import Display
from saltext_mip.console.ssh import Login
from saltext_mip.federation import find_node
from saltext_mip.results import NodesResult, StatusResult, value_or


@dataclass(frozen=True)
class Context:
    """``config`` is Salt's configuration folder, if not the default."""

    display: Display
    action: Action
    salt: Salt
    config: str | None = None
    verbose: int = 0
    pusher: bool = True

    def run(self, function: str, *, bar: bool = True, **arguments: Any) -> CommandResult:
        """Call a runner function and show its progress."""
        with self.display.progress(function.replace("_", " "), bar=bar) as progress:
            return self.salt.run(function, arguments, progress)

    def finish(self, command: str, result: CommandResult, *, json: bool = False) -> int:
        """Show the result of ``command``; returns the exit code."""
        if result.error is not None:
            self.display.error(result.error)
            return result.code
        (replace(self.display, json=True) if json else self.display).value(command, result.value)
        return result.code

    def find_node(self, value: NodesResult | StatusResult, name: str) -> str:
        """The minion id of the node of ``value`` that is called so, compared whole.

        A minion id wins; a name that fits two nodes is an error.
        """
        names = {
            node: (facts.short, value_or(facts.hospital, None), facts.address)
            for node, facts in value.nodes.items()
        }
        return find_node(value.federation, names, name)

    def login(self, nodes: NodesResult, node: str) -> Login:
        """Where ssh goes for a node."""
        return Login.to(node, nodes)
