"""The help of window 2: the commands for the main tasks, on half a screen."""

from __future__ import annotations

TASKS = (
    ("show problems", "mip status"),
    ("serve new data", "mip refresh"),
    ("step by step", "mip data consolidate; mip data compile"),
    ("preview changes", "mip data consolidate --dry-run; mip diff"),
    ("a worker is down", "mip node check; mip logs --node wk1"),
    ("exclude a worker", "mip node disable --node wk1 --reason '…'"),
    ("a change is held", "mip status; mip approve"),
    ("suspend automation", "mip suspend --reason '…' --for 2h"),
    ("undo", "mip history; mip rollback"),
)
KEYS = "C-j r respawn pane  ALT-arrows panes  CTRL-arrows windows  C-j z zoom"
