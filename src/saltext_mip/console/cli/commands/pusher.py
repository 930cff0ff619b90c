"""What concerns this machine: setup, requirements, versions, completion."""

from __future__ import annotations

import sys

from saltext_mip.console.cli.action import ANY_FEDERATION, DRY_RUN_ONLY, Arguments, action, choice
from saltext_mip.console.cli.context import Context
from saltext_mip.results import RequirementsResult

GROUP = "This machine"


def check_required(context: Context, _: Arguments) -> int:
    """1 if a requirement is not met."""
    from saltext_mip.console.cli.doctor import requirements

    found = requirements(context)
    context.display.value("check-required", RequirementsResult(needs=found))
    return 0 if all(each.ok for each in found) else 1


def versions(context: Context, _: Arguments) -> int:
    from saltext_mip.console.cli.doctor import versions as found

    context.display.value("version", found(context))
    return 0


def completion(context: Context, given: Arguments) -> int:
    from saltext_mip.console.cli.completion import SHELLS

    sys.stdout.write(SHELLS[given["shell"]](pusher=context.pusher))
    return 0


SETUP = (
    *action(
        "setup",
        function="setup",
        help="configure this pusher",
        group=GROUP,
        takes=ANY_FEDERATION | DRY_RUN_ONLY,
    ),
    *action(
        "check-required",
        help="check that what is needed is installed and configured",
        group=GROUP,
        handler=check_required,
    ),
)
ANYWHERE = (
    *action(
        "version list", help="show the versions of what runs here", group=GROUP, handler=versions
    ),
    *action(
        "completion",
        help="print completion for a shell: source <(mip completion bash)",
        group=GROUP,
        options=(choice("shell", name="shell", help="the shell", choices=("bash", "zsh")),),
        handler=completion,
    ),
)
ACTIONS = (*SETUP, *ANYWHERE)
