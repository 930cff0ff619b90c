"""
What a person wants to see of a command of the federation, on one screen.

The runner ``mip`` asks for it by itself; ``--out=json`` and the like take its place, and give the
whole return. It is plain text where the output is no terminal, or with ``--no-color``.

CLI Example:

.. code-block:: bash

    salt-run mip.consolidate federation=fed1 --out=mip
"""

import os
import shutil
import sys

import msgspec
import salt.utils.color

from saltext_mip import results
from saltext_mip.console.cli.spelling import as_runner
from saltext_mip.console.screens.render import render
from saltext_mip.console.screens.text import marks, marks_of, spelled

__virtualname__ = "mip"

WIDEST = 120  # a line that is longer is hard to read
# Salt's names of colours: an operator's colour theme holds here too
COLOURS = {"title": "CYAN", "bad": "LIGHT_RED", "warn": "YELLOW", "good": "GREEN"}


def __virtual__():
    return __virtualname__


def output(data, **_):
    """
    The text of ``data``, which a function of the runner ``mip`` returned.
    """
    before = marks.set(marks_of(sys.stdout.encoding or "", os.environ))
    try:
        return "\n".join(map(_screen, _returns(data)))
    finally:
        marks.reset(before)


def _screen(returned):
    command, value = returned
    if command not in results.COMMANDS:
        return _text(render(command, value, width=_width()))
    with spelled(as_runner):
        return _text(render(command, value, width=_width()))


def _returns(data):
    """
    Pairs of command and value; without a command where it is of no type that has a screen.
    """
    if isinstance(data, dict) and data.get("command") in results.COMMANDS:
        candidates = [(data["command"], data)]
    elif isinstance(data, list):
        candidates = [("export", data)]
    elif isinstance(data, dict) and data:
        candidates = [("check", value) for value in data.values()]  # by minion
    else:
        candidates = [("check", data)]
    try:
        return [(command, results.parse(command, value)) for command, value in candidates]
    except msgspec.ValidationError:
        return [(None, data)]


def _text(screen):
    if not __opts__.get("color"):
        return str(screen)
    salts = salt.utils.color.get_colors(True, __opts__.get("color_theme"))
    codes = {style: str(salts[name]) for style, name in COLOURS.items()}
    return "\n".join(
        "".join(
            f"{codes[part.style]}{part.text}{salts['ENDC']}" if part.style in codes else part.text
            for part in line
        )
        for line in screen.lines
    )


def _width():
    columns = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80
    return max(60, min(columns, WIDEST))
