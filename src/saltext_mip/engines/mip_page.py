"""
The status page: it shows what the observer of the engine ``mip`` found last.

It serves nothing unless a federation's pillar declares ``page``. The server is a process of its own
that has given up root and reads no files; this engine sends it what is below ``watch`` in the
federation's state. ``salt-run mip.setup`` puts the engine into the master's configuration once a
page is declared:

.. code-block:: yaml

    engines:
      - mip_page: {}
"""

import logging
import time
from pathlib import Path

from saltext_mip.bridge.execution import os_error_text
from saltext_mip.bridge.pillar import declared
from saltext_mip.errors import MipError
from saltext_mip.watch.page.feed import Feed
from saltext_mip.watch.page.settings import servers

__virtualname__ = "mip_page"

log = logging.getLogger(__name__)

DECLARED_EVERY = 120.0  # seconds after which the pillar is compiled again


def __virtual__():
    return __virtualname__


def start(interval=1.0):
    """
    Run until the master ends it.

    interval
        Seconds after which the observations are looked at again.
    """
    feeds, reported = [], set()
    due = 0.0
    while True:
        now = time.monotonic()
        if now >= due:
            due = now + DECLARED_EVERY
            feeds = _declare(feeds, reported)
        for feed in feeds:
            _step(feed, now, reported)
        time.sleep(interval)


def _declare(feeds, reported):
    """A feed for each server that is declared; existing ones are kept."""
    try:
        found = declared(__opts__)
    except (MipError, OSError) as exc:
        _report(reported, f"the last declaration of pages remains in use: {exc}")
        return feeds
    plans, refused = servers(found.values())
    for text in refused:
        _report(reported, text)
    root = Path(__opts__["root_dir"])
    states = {name: federation.state(root) for name, federation in found.items()}
    kept = {feed.plan: feed for feed in feeds}
    for plan in kept.keys() - set(plans):
        kept[plan].close()
    return [
        kept.get(plan) or Feed(plan, {name: states[name] for name in plan.federations}, _warn)
        for plan in plans
    ]


def _step(feed, now, reported):
    settings = feed.plan.settings
    try:
        feed.tick(now)
    except OSError as exc:
        _report(
            reported,
            f"the page at {settings.address} port {settings.port} waits: {os_error_text(exc)}",
        )


def _report(reported, text):
    """Log it once: what is wrong is so at each step."""
    if text not in reported:
        reported.add(text)
        log.error("mip_page: %s", text)


def _warn(text):
    log.warning("mip_page: %s", text)
