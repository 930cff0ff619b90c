"""What a person types and sees: the command ``mip``, screens, the tmux session."""
