"""CSV files: their form, their rows, and what their values must be for the CDE."""
