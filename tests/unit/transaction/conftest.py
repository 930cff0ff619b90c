"""The small federation of the generations' tests, whose transactions these are."""

from tests.unit.generations.conftest import places

__all__ = ["places"]
