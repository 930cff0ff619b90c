"""Keycloak in step with the data: who may see what, from what hospitals have.

Data flows one way: ``desired`` (the data structure → roles and groups), ``observed`` (the server →
the same type), ``plan`` (the difference, as data), ``apply``. :func:`sync` does all of it.
"""

from saltext_mip.keycloak.settings import Settings
from saltext_mip.keycloak.sync import sync

__all__ = ["Settings", "sync"]
