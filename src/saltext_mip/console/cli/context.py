"""What an action of the command has at hand: Salt, the screen, and the names of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from saltext_mip.console.cli.commands import Action
from saltext_mip.console.cli.salt import Ran, Salt
from saltext_mip.console.cli.terminal import Show
from saltext_mip.console.ssh import Login
from saltext_mip.federation import find_node


@dataclass(frozen=True)
class Context:
    """``config``: Salt's folder, where it is not the usual one."""

    show: Show
    action: Action
    config: str | None = None
    verbose: int = 0
    pusher: bool = True

    def salt(self, **more: Any) -> Salt:
        said = (lambda _: None) if self.show.quiet else self._aside
        return Salt(config=self.config, verbose=self.verbose, other=said, **more)

    def run(self, function: str, *, bar: bool = True, **arguments: Any) -> Ran:
        """A runner function, with its progress shown."""
        with self.show.progress(function.replace("_", " "), bar=bar) as progress:
            return self.salt(progress=progress).run(function, **arguments)

    def shown(self, command: str, ran: Ran, *, json: bool = False) -> int:
        """Show what came of it; the exit code."""
        if ran.error is not None:
            self.show.error(ran.error)
            return ran.code
        (replace(self.show, json=True) if json else self.show).value(command, ran.value)
        return ran.code

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

    def _aside(self, line: str) -> None:
        """What Salt itself has to say."""
        if self.verbose:
            self.show.error(line)
