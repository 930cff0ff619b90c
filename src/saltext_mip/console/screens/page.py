"""The screen of ``page``: how to reach the status page, or a link to a part of it."""

from __future__ import annotations

from saltext_mip.console.screens.text import Screen
from saltext_mip.results import PageResult, value_or
from saltext_mip.text import when


def page(screen: Screen, value: PageResult) -> None:
    """Commands and addresses are whole lines, to be copied."""
    screen.gap()
    if link := value_or(value.link, None):
        screen.text(f"The part of {link.node}, until {when(link.until)}:")
        screen.block(link.url)
        screen.gap()
        screen.text(
            "Everybody who has this link can read that part. Send it as you send a password."
        )
        return
    if tunnel := value_or(value.tunnel, ""):
        screen.text("On your machine:")
        screen.block(tunnel)
        screen.gap()
        screen.text("Then in its browser:")
    else:
        screen.text("In a browser; the password is the page's token, the user name is free:")
    screen.block(value.url)
