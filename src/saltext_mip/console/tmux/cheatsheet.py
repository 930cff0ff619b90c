"""The help of window 2: the commands for the main tasks, on half a screen."""

from __future__ import annotations

TASKS = (
    ("what is wrong?", "mip status"),
    ("data came in", "mip refresh"),
    ("step by step", "mip data consolidate; mip data compile"),
    ("see it first", "mip data consolidate --dry-run; mip diff"),
    ("a worker is down", "mip node check; mip logs --node wk1"),
    ("keep it out", "mip node disable --node wk1 --reason '…'"),
    ("something is held", "mip status; mip approve"),
    ("hands off", "mip suspend --reason '…' --for 2h"),
    ("undo", "mip history; mip rollback"),
)
KEYS = "C-j r respawn pane  ALT-arrows panes  CTRL-arrows windows  C-j z zoom"
