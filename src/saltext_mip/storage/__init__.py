"""Our files on disk: replaced as a whole, one writer at a time, names that stay in their folder."""
