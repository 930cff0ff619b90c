"""Measurements on the machine at hand; ``make bench`` runs them. No test depends on a figure."""
