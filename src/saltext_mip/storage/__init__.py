"""Files of ours on disk: whole or not at all, one writer at a time, and names that stay inside."""
