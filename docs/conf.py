"""The manual as a site: ``make site`` builds it with Sphinx, MyST and furo; warnings are errors.

The build reads this folder only. Neither it nor its reader needs a network.
"""

from __future__ import annotations

import re
from importlib import metadata

from pygments.lexers.shell import BashSessionLexer
from sphinx.application import Sphinx

project = "saltext-mip"
copyright = "the authors of saltext-mip; Apache License 2.0"  # noqa: A001 - Sphinx's name
try:
    release = metadata.version("saltext-mip")
except metadata.PackageNotFoundError:  # built from the folder alone
    release = ""
html_title = f"saltext-mip {release}".rstrip()

extensions = ["myst_parser"]
myst_heading_anchors = 4
nitpicky = True

html_theme = "furo"
html_show_sourcelink = False


class PromptLexer(BashSessionLexer):
    """Console blocks whose prompt names the machine: ``pusher$``, ``node$``."""

    _ps1rgx = re.compile(r"^((?:[a-z0-9-]+)?[$#%] )(.*\n?)")


def setup(app: Sphinx) -> None:
    app.add_lexer("console", PromptLexer)
