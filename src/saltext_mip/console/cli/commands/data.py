"""``mip data``: consolidate, compile, export, check."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from saltext_mip.console.cli.action import (
    DRY_RUN,
    FORCE,
    GUARD,
    NODE,
    PATHOLOGY,
    YES,
    Arguments,
    action,
    choice,
    flag,
    text,
    without,
)
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.salt import CommandResult
from saltext_mip.results import CodebookResult, NodeCodebook
from saltext_mip.schemas.decoding import decode

GROUP = "Data"


def consolidate(context: Context, given: Arguments) -> int:
    """With ``--export-data-structure`` the structure is all of standard output."""
    arguments = without(given, "export", "force")
    # a question and a progress bar would share a line
    interactive = bool(arguments.get("review_dataset_labels"))
    if not given.get("export"):
        result = context.run("consolidate", bar=not interactive, **arguments)
        return context.finish("consolidate", result)
    result = context.run("consolidate", bar=not interactive, **arguments)
    if result.error is not None:
        return context.finish("consolidate", result)
    if not context.display.quiet:
        replace(context.display, json=False).value("consolidate", result.value, out=sys.stderr)
    federation = {"federation": given["federation"]} if "federation" in given else {}
    code = context.finish("export", context.run("export", **federation), json=True)
    return code or result.code


def check(context: Context, given: Arguments) -> int:
    """A folder or a file on this machine: without Salt, for anyone who may read it."""
    from saltext_mip.node import queries

    cde = Path(given["cde"]) if "cde" in given else None
    value = queries.check(Path(given["folder"]), cde, values=True)
    context.display.value("check", value)
    return 1 if value.refused or value.cde is None else 0


def codebook(context: Context, given: Arguments) -> int:
    """The text of a CDE's codebook or template, to be written to a file by ``>``.

    On a node that of one of its pathologies comes from ``salt-call``: the minion knows the pillar,
    which has the data path. A path needs no Salt.
    """
    arguments = without(given, "template")
    if context.pusher:
        result = context.run("codebook", **arguments)
    elif Path(given["pathology"]).exists():
        from saltext_mip.node import queries

        separator = given.get("separator", "comma")
        cde = queries.cde_at(Path(given["pathology"]))
        result = CommandResult(0, queries.codebook(cde, separator=separator, folder=None))
    else:
        result = context.salt.call("mip.codebook", arguments)
        if result.error is None:
            result = replace(result, value=decode(NodeCodebook, result.value, node="mip.codebook"))
    if result.error is not None or context.display.json:
        return context.finish("codebook", result)
    table: CodebookResult | NodeCodebook = result.value
    sys.stdout.write(table.template if given.get("template") else table.codebook)
    return result.code


CHECK: Mapping[str, Any] = {
    "help": "check a folder of CSV files, or one file",
    "options": (
        text("folder", name="folder", help="the folder, or the file", metavar="FOLDER"),
        text("--cde", name="cde", help="CDE metadata at another path", metavar="FILE"),
    ),
    "handler": check,
}
CODEBOOK: Mapping[str, Any] = {
    "function": "codebook",
    "help": "write a CDE as a table for a spreadsheet to standard output",
    "takes": PATHOLOGY,
    "options": (
        text("pathology", name="pathology", help="the pathology", metavar="PATHOLOGY"),
        flag("--template", name="template", help="write an empty file with the header instead"),
        choice(
            "--separator",
            name="separator",
            help="of the codebook: semicolon for Excel in most of Europe",
            choices=("comma", "semicolon", "tab"),
        ),
    ),
    "handler": codebook,
}

ACTIONS = (
    *action(
        "data consolidate",
        "consolidate",
        function="consolidate",
        help="gather the datasets of all nodes, edit the CDEs and distribute them",
        group=GROUP,
        takes=DRY_RUN | FORCE,
        options=(
            flag(
                "--review-dataset-labels",
                name="review_dataset_labels",
                help="ask for the label of each pathology and dataset",
            ),
            flag("--online-cdes", name="online_cdes", help="use the CDEs of the data catalogue"),
            choice(
                "--datacatalogue-protocol",
                name="datacatalogue_protocol",
                help="protocol of another catalogue than the pillar's",
                choices=("http", "https"),
            ),
            text(
                "--datacatalogue-host",
                name="datacatalogue_host",
                help="its host, or host:port",
                metavar="HOST",
            ),
            choice(
                "--missing-worker",
                name="missing_worker",
                help="if a worker does not respond: fail, skip it, or keep its last datasets",
                choices=("fail", "skip", "keep"),
            ),
            flag("--strict", name="strict", help="treat any problem as an error"),
            GUARD,
            YES,
            flag(
                "--export-data-structure",
                name="export",
                help="write the data structure (JSON) to standard output, all else to stderr",
            ),
        ),
        handler=consolidate,
    ),
    *action(
        "data compile",
        "compile",
        function="compile",
        help="compile CSV files and CDEs into the engine's databases",
        group=GROUP,
        takes=DRY_RUN | NODE | FORCE | PATHOLOGY,
        options=(flag("--strict", name="strict", help="leave out files with warnings too"),),
    ),
    *action(
        "export",
        function="export",
        help="print the data structure as last consolidated",
        group=GROUP,
    ),
    *action("data codebook", "codebook", group=GROUP, **CODEBOOK),
    *action("check", group=GROUP, **CHECK),
)
