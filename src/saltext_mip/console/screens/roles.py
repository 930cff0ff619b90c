"""The screen of ``sync_roles``: which roles and groups came, changed and went in Keycloak."""

from __future__ import annotations

from saltext_mip.console.screens.plan import plan
from saltext_mip.console.screens.text import Screen, mark
from saltext_mip.results import SyncRolesResult


def sync_roles(screen: Screen, value: SyncRolesResult) -> None:
    """What was done, or would be; then what matches nothing any more."""
    if value.dry_run:
        plan(screen, value.plan)
    else:
        _done(screen, value)
    if value.orphans:
        screen.gap()
        screen.title(
            "Orphans (prune=True removes them; their members are lost):", style="warn", marked=True
        )
        for name in value.orphans:
            screen.text(name, indent=2, hang=2)


def _done(screen: Screen, value: SyncRolesResult) -> None:
    screen.gap()
    for sign, names in (("+", value.created), ("~", value.updated), ("-", value.removed)):
        for name in names:
            screen.text(f"{sign} {name}", indent=2, hang=2)
    for failure in value.failed:
        text = f"{failure.action} {failure.thing}: {failure.message}"
        screen.text(text, indent=2, hang=2, first=f"{mark('bad')} ", style="bad")
    unchanged = len(value.unchanged)
    if value.changed:
        screen.outcome(
            f"Roles match generation {value.generation}; {unchanged} unchanged.",
            style="bad" if value.failed else "good",
        )
    elif not value.failed:
        screen.outcome(
            f"No change: roles match generation {value.generation}.",
            style="good",
        )
