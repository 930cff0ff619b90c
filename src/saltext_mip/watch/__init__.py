"""Watching a federation: who observes it, what changed, and who is notified.

An :class:`~saltext_mip.watch.observer.Observer` beside the controller starts observations, each in
a process of its own. What follows from one (events, notices, metrics, the heartbeat) fails alone.
"""
