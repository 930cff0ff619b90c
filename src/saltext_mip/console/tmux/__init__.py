"""The operator's tmux session."""
