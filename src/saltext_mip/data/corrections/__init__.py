"""Mechanical corrections of a CSV file: those that lose nothing and can mean one thing only."""
