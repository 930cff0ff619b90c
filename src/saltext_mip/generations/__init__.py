"""Committed consolidations: recorded, compared, restored; recent events and operators' overrides.

``generation`` and ``store`` keep the generations and the contents that they distributed, ``diff``
compares two, ``rollback`` plans to restore one.
"""
