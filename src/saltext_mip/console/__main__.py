"""``python -m saltext_mip.console``: the command ``mip``, as panes of tmux start it."""

from saltext_mip.console.cli.main import entry

if __name__ == "__main__":
    entry()
