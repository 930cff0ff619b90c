"""What the pusher does with a federation: one module for each piece of work.

Here the rooms meet: ask the nodes (by a :class:`~saltext_mip.pusher.context.Asking`), make a plan
of what they say, send it, record it. Nothing here knows Salt, so all of it runs in tests with nodes
that are folders.
"""
