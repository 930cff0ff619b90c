"""
What a person wants to see of a command of the federation, on one screen.

The runner ``mip`` asks for it by itself; ``--out=json`` and the like take its place, and give the
whole return. It is plain text where the output is no terminal, or with ``--no-color``.

CLI Example:

.. code-block:: bash

    salt-run mip.consolidate federation=fed1 --out=mip
"""

import shutil
import sys

import salt.utils.color

from saltext_mip.console.screens import render
from saltext_mip.console.screens.check import is_check

__virtualname__ = "mip"

WIDEST = 120  # a line that is longer is hard to read


def __virtual__():
    return __virtualname__


def output(data, **_):
    """
    The text of ``data``, which a function of the runner ``mip`` returned.
    """
    colours = salt.utils.color.get_colors(__opts__.get("color"), __opts__.get("color_theme"))
    colour = {name: str(code) for name, code in colours.items()} if __opts__.get("color") else None
    look = {"width": _width(), "colour": colour}
    if isinstance(data, dict) and data and all(map(is_check, data.values())):  # by minion
        return "\n".join(render.render("check", value, **look) for value in data.values())
    return render.render(_command(data), data, **look)


def _command(data):
    if is_check(data):
        return "check"
    if isinstance(data, dict):
        return data.get("command")
    structure = isinstance(data, list) and all(
        isinstance(each, dict) and set(each) == {"name", "nodes"} for each in data
    )
    return "export" if structure else None


def _width():
    columns = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80
    return max(60, min(columns, WIDEST))
