"""What a node does when the pusher asks: one function a step, over its own folders.

A node goes by its own pillar for where things are, and by the pusher's word for what should be
there. Nothing here knows Salt; ``modules/mip_node.py`` hands the steps to it.
"""
