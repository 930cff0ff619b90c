"""Two-phase commit over nodes: staged on all, then committed, finished or undone after a crash."""
