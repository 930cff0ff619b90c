"""A stand-in for exareme, for where its image cannot be had.

It is a model of exareme 24.5.1 as an operator meets it: requests, bodies, status codes and texts,
the keystore's keys, the order and the clock of its start, what it refuses and what it drops. It
runs no algorithm, and its log and its ``Server`` header say so. It offers nothing that exareme does
not have: what a test needs to know beyond that, it reads from files or from the keystore.

``ENGINE_CLOCK`` in its environment is the factor by which its clock is faster (default: 1). It
needs the standard library alone, and runs as `python -m engine` in its image.
"""

STAND_IN = "a stand-in for exareme, without algorithms"
PORT = 9090  # the master's, for queries
REGISTRY = 1099  # of every node, for the other nodes
