"""The engines that a federation can run: what each needs, and how each proves that it serves.

:mod:`.interface` is what the rest of the package knows of an engine. Each engine is one module
beside it; :data:`ENGINE` is the one that federations run.
"""

from saltext_mip.swarm.engines.exareme import Exareme
from saltext_mip.swarm.engines.interface import Engine

ENGINE: Engine = Exareme()
