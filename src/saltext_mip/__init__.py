"""Operate federations of the Medical Informatics Platform with Salt.

Data goes one way: pillar -> ``Federation`` -> inventories -> plan -> apply -> result. The rooms
in the middle (``data``, ``generations``, ``services``, ``access``, ``controller``) do not know that
Salt exists; ``modules``, ``runners``, ``output``, ``fileserver`` and the other loader types are
Salt's side.
"""

try:
    from saltext_mip._version import __version__ as __version__
except ImportError:  # a tree that was never built or installed
    __version__ = "0.0.0"
