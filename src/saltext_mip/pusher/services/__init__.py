"""Observe, deploy, start, stop and restart the federation's services."""
