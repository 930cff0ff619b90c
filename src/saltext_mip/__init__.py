"""Operate federations of the Medical Informatics Platform with Salt.

Data flows one way: pillar -> ``Federation`` -> inventories -> plan -> apply -> result. Only the
folders that Salt's loader reads (``modules``, ``runners``, ``states``, ``beacons``, ``engines``,
``pillar``, ``output``, ``fileserver``) and ``bridge`` import Salt. ``pusher`` has a module for each
operation on a federation, ``node`` what a node does when it is asked; the packages below them know
neither.
"""

try:
    from saltext_mip._version import __version__ as __version__
except ImportError:  # a tree that was never built or installed
    __version__ = "0.0.0"
