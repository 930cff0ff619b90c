"""``python -m saltext_mip.console.pane``: how sessions of earlier versions start their panes."""

import sys

from saltext_mip.console.tmux.pane import main

if __name__ == "__main__":
    sys.exit(main())
