"""How much there may be of what readers accept; writers keep to the same numbers.

A document that its reader refuses would stop every later run. So what a node sends and what the
pusher commits is limited here, once, for both sides.
"""

from __future__ import annotations

CODE_CHARS = 64  # of a dataset's code: it is a name, not data

# dataset codes; those that are listed already come first
DATASETS_OF_FILE = 1_000  # more is a column of something else
DATASETS_OF_NODE = 5_000  # in all its pathologies; a node with 2,000 files is an ordinary one
DATASETS_OF_PATHOLOGY = 5_000  # on all nodes

PATHOLOGIES = 1_000  # folders of a node
FILES = 20_000  # CSV files of a folder

CDE_BYTES = 64 << 20  # of a CDE's file
PATHOLOGIES_BYTES = 64 << 20  # of pathologies.json
COMMIT_BYTES = 192 << 20  # of all contents that one commit sends: as JSON, they may be twice that
