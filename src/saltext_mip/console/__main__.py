"""``python -m saltext_mip.console``: the command ``mip``, as panes of tmux start it."""

import sys

from saltext_mip.console.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
