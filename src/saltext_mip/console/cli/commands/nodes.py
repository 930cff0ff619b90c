"""``mip node``, ``describe`` and ``ssh``."""

from __future__ import annotations

from msgspec import structs

from saltext_mip.console.cli import recorded
from saltext_mip.console.cli.action import (
    DRY_RUN,
    NODE,
    NOW,
    ONE_NODE,
    REASON,
    Arguments,
    action,
    text,
    without,
)
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.salt import CommandResult
from saltext_mip.console.cli.terminal import exec_program
from saltext_mip.console.cli.views import describe_node, nodes_only, of_node
from saltext_mip.results import NodesResult, value_or

GROUP = "Nodes"


def list_nodes(context: Context, given: Arguments) -> int:
    """All nodes, or one."""
    name = given.get("node")
    result = context.run("nodes", **without(given, "node"))
    if result.error is None and name is not None:
        found: NodesResult = result.value
        node = context.find_node(found, name)
        value = structs.replace(found, nodes={node: found.nodes[node]})
        result = CommandResult(result.code, value)
    return context.finish("nodes", result)


def describe(context: Context, given: Arguments) -> int:
    """The part of ``status`` that concerns the nodes, or one node."""
    name = given.get("node")
    looked = recorded.status(context, given)
    result = looked or context.run("status", **without(given, "node", "now"))
    if result.error is not None:
        return context.finish("status", result)
    node = None if name is None else context.find_node(result.value, name)
    if context.display.json:
        value = result.value if node is None else of_node(result.value, node)
        return context.finish("status", CommandResult(result.code, value))
    if node is None:
        context.display.value("status", nodes_only(result.value))
    else:
        context.display.show(describe_node(result.value, node))
    return result.code


def ssh(context: Context, given: Arguments) -> int:
    """Replace this process by ssh."""
    result = context.run("nodes", host_keys=given["node"], **without(given, "node"))
    if result.error is not None:
        return context.finish("nodes", result)
    from saltext_mip.console.ssh import in_folder

    nodes: NodesResult = result.value
    if notes := value_or(nodes.notes, []):
        context.display.error("\n".join(notes))
        return 1
    node = context.find_node(nodes, given["node"])
    folder = value_or(nodes.nodes[node].data_path, None)
    return exec_program(context.login(nodes, node).argv(in_folder(folder)))


ACTIONS = (
    *action(
        "node list",
        "nodes",
        function="nodes",
        help="list the nodes as last observed",
        group=GROUP,
        takes=NODE,
        handler=list_nodes,
    ),
    *action(
        "node status",
        function="status",
        help="show the nodes and their problems",
        group=GROUP,
        takes=NODE,
        options=(NOW,),
        handler=describe,
    ),
    *action(
        "node check",
        function="check_nodes",
        help="check the connection to each node, or one; record ssh host keys",
        group=GROUP,
        takes=NODE,
    ),
    *action(
        "node enable",
        function="enable",
        help="include a node in the federation",
        group=GROUP,
        takes=DRY_RUN | ONE_NODE,
    ),
    *action(
        "node disable",
        function="disable",
        help="exclude a node from the federation",
        group=GROUP,
        takes=DRY_RUN | ONE_NODE,
        options=(REASON,),
    ),
    *action(
        "node drain",
        function="drain",
        help="stop a node's engine for maintenance; its datasets remain listed",
        group=GROUP,
        takes=DRY_RUN | ONE_NODE,
        options=(
            text(
                "--until",
                name="until",
                help="start it again then: 2h, or '2026-12-01 18:00' (UTC)",
                metavar="TIME",
            ),
            REASON,
        ),
    ),
    *action(
        "node undrain",
        "node uncordon",
        function="undrain",
        help="start the engine of a drained node",
        group=GROUP,
        takes=DRY_RUN | ONE_NODE,
    ),
    *action(
        "describe",
        function="status",
        help="show state, services, data and problems of one node",
        group=GROUP,
        takes=ONE_NODE,
        options=(NOW,),
        handler=describe,
    ),
    *action(
        "ssh",
        function="nodes",
        help="open a shell on a node, in its data folder",
        group=GROUP,
        takes=ONE_NODE,
        handler=ssh,
    ),
)
