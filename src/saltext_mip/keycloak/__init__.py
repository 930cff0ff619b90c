"""Keycloak in step with the data: who may see what, from what hospitals have.

Data goes one way: ``wanted`` (the data structure → roles and groups), ``actual`` (the server → the
same shape), ``plan`` (the difference, as data), ``apply``. :func:`sync` is the whole way.
"""

from saltext_mip.keycloak.settings import Settings
from saltext_mip.keycloak.sync import sync

__all__ = ["Settings", "sync"]
