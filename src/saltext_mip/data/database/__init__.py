"""datasets.db: compiled, incremental, verified."""
