"""What a node does when the pusher asks: one function per step, on its own folders and Docker.

Where things are comes from the node's own pillar, what they should be from the pusher. Nothing here
imports Salt; ``modules/federation_node.py`` calls the steps.
"""
