"""Observed against desired, as conditions and problems."""
