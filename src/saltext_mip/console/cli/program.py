"""The command ``mip``: parses the command line, runs the action, returns its exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from saltext_mip.console.cli.action import USAGE_ERROR
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.parser import UsageError, parse
from saltext_mip.console.cli.salt import Salt, ignore, is_pusher
from saltext_mip.console.cli.spelling import as_mip
from saltext_mip.console.cli.state_folder import config_dir
from saltext_mip.console.cli.terminal import Display, adapted
from saltext_mip.console.screens.text import detailed, spelled
from saltext_mip.errors import MipError


def run(arguments: Sequence[str]) -> int:
    """Run the action that these arguments name; returns the exit code."""
    _reopen_closed_streams()
    try:
        return _run(arguments)
    except UsageError as exc:
        usage = f"{exc.usage.rstrip()}\n" if exc.usage else ""
        stop = "" if str(exc).endswith("?") else "."
        print(f"{usage}mip: {exc}{stop} See mip --help.", file=sys.stderr)  # noqa: T201
        return USAGE_ERROR
    except MipError as exc:
        with spelled(as_mip):
            Display().error(str(exc))
        return exc.exit_code
    except BrokenPipeError:
        # the reader has ended; what is buffered must not be written again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _reopen_closed_streams() -> None:
    """Open closed standard streams (``>&-``) on /dev/null: no other file may get their numbers."""
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w"))


def _run(arguments: Sequence[str]) -> int:
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("-c", "--config-dir", dest="config_dir")
    first.add_argument("--pusher", action="store_true")
    known, _ = first.parse_known_args(arguments)
    pusher = known.pusher or is_pusher(config_dir(known.config_dir))
    action, options, given = parse(arguments, pusher=pusher)
    display = Display(json=options.json, quiet=options.quiet, colour=not options.no_color)
    config = options.config_dir or os.environ.get("SALT_CONFIG_DIR")
    context = Context(
        display=display,
        action=action,
        salt=Salt(config, options.verbose, ignore if display.quiet else display.error),
        config=config,
        verbose=options.verbose,
        pusher=pusher,
    )
    verbose = bool(options.verbose)
    with spelled(as_mip), detailed(whole=verbose), adapted(verbose=verbose):
        return action.handler(context, given)
