"""What a documented line comes to where it is run: its exit code, and a text that must be there.

By what the line is about: the text is of its screen, so that one that prints another's, or nothing,
is found. What differs for one line is named by the line.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.manual import Line

# what `mip` and `salt-run mip.` show of it; for salt-run without a blank's option it is the same
SHOWN: Mapping[str, str] = {
    "": "mip: operate a federation",
    "-d mip": "Gather the nodes' inventories, edit the CDEs",
    "allow": "dementia",
    "approve": "approve",
    "backup list": "by ",
    "backup show": "differences from 1 to",
    "backup": "by ",
    "cde": "dementia",
    "check": "dementia",
    "check-required": "Salt master",
    "check_nodes": "fed1-wk-h1",
    "clean": "MB used",
    "compile": "dementia",
    "compiled": "dementia",
    "completion": "mip",
    "consolidate": "workers took part",
    "data compile": "dementia",
    "data consolidate": "workers took part",
    "datasets": "dementia",
    "deploy": "fed1-ms_exareme-master",
    "describe": "fed1-wk-h",
    "diff": "differences from",
    "disable": "fed1-wk-h",
    "enable": "fed1-wk-h",
    "events": "consolidated",
    "export": "dementia",
    "history": "by ",
    "logs": "exareme",
    "node check": "fed1-wk-h",
    "node disable": "disabled",
    "node drain": "remain listed",
    "node undrain": "its engine was started",
    "node enable": "fed1-wk-h",
    "node list": "fed1-wk-h1",
    "node status": "fed1-wk-h1",
    "nodes": "fed1-wk-h1",
    "notify list": "No channel is declared",
    "notify test": "test sent",
    "page": "Then in its browser",
    "page link": "/link/",
    "prototypes": "dementia",
    "pull": "pulled: ",
    "refresh": "refresh",
    "reject": "reject",
    "remove": "fed1",
    "restart": "restart",
    "restore": "rollback",
    "resume": "resume",
    "rollback": "rollback",
    "service deploy": "fed1-ms_exareme-master",
    "service remove": "fed1",
    "service restart": "exareme",
    "service start": "exareme",
    "service status": "federation fed1",
    "codebook": "allowed codes",
    "data codebook": "allowed codes",
    "service stop": "stop",
    "services": "exareme-master",
    "show": "generation ",
    "setup": "othing",
    "ssh": "fed1-wk-h1",
    "start": "exareme",
    "state.apply": "Summary for fed1-wk-h1",
    "status": "fed1",
    "stop": "stop",
    "suspend": "suspend",
    "sync-roles": "sync roles",
    "sync_roles": "federation fed1",
    "tasks": "mip refresh",
    "tmux": "tmux attach -t fed1",
    "version list": "saltext-mip",
    "version": "fed1-wk-h1",
    "wait": "Ready",
    "wake": "wake",
}

# on loopback there is neither Docker nor a drop-in of the master; on the bed nothing is said here
LOOPBACK: Mapping[str, tuple[int, str]] = {
    "mip check-required": (1, "restart the master"),
    "salt-call --local mip.history": (0, "dementia"),
    "mip --json history": (0, '"command": "history"'),
    "mip data consolidate --help": (0, "--review-dataset-labels"),
    "mip status --problems": (0, "federation fed1: "),
    "mip status --html /tmp/fed1.html": (0, "fed1.html: "),
    "mip status wk2 --html /tmp/wk2.html": (0, "wk2.html: "),
    "mip notify test": (1, "no channel is declared"),
    "mip page": (1, "no page is declared"),
    "mip page link --node wk2 --for 30d": (1, "no page is declared"),
    "salt-run mip.page": (1, "no page is declared"),
    "mip data consolidate --export-data-structure": (0, '"name": "dementia"'),
    "salt-run mip.diff federation=fed1 a=3 b=7": (1, "not found; known"),
    "salt-run mip.rollback federation=fed1 generation=12": (1, "Generation 12 not found"),
    "salt-run mip.show federation=fed1 generation=3": (1, "Generation 3 not found"),
    "salt-run mip.show federation=fed1 at='2026-11-28 14:00'": (1, "No record of"),
    "salt-run mip.export federation=fed1 --out=json": (0, '"name": "dementia"'),
    "salt-run mip.consolidate federation=fed1 --out=json 2>/dev/null | jq .changed": (0, "false"),
}

# what is a node's own is named by the host too
BED: Mapping[str, tuple[int, str]] = {
    "mip refresh --no-wait": (0, "refresh"),
    "mip notify test": (1, "no channel is declared"),
    "mip page": (1, "no page is declared"),
    "mip page link --node wk2 --for 30d": (1, "no page is declared"),
    "mip setup --dry-run": (0, "nothing was changed"),
    "mip setup": (0, "No change."),
    "salt-run mip.deploy federation=fed1 dry_run=True": (0, "deploy, dry run"),
}
ON_A_NODE: Mapping[str, tuple[int, str]] = {
    "salt-call --local mip.history": (0, "dementia"),
    "mip start": (1, "mip service start --node"),
    "mip stop": (1, "mip service stop --node"),
    "mip logs -f": (0, "exareme | "),
    "mip logs --follow": (0, "exareme | "),
}


def shown(line: Line) -> str:
    """What must be seen of it where it ends well; a dry run says that it is one."""
    if line.program == "mip" and "--dry-run" in line.words:
        return "dry run"
    return SHOWN[line.does]
