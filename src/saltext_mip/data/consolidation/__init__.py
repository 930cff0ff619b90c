"""Inventories and CDEs become a plan: what the federation offers, what is written where."""
