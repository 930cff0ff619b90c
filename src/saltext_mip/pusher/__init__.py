"""The operations of the pusher on a federation, one module each.

An operation asks the nodes (through a :class:`~saltext_mip.pusher.context.Asking`), makes a plan
from their answers, applies it and records it. Nothing here imports Salt, so all of it runs in unit
tests whose nodes are folders.
"""
