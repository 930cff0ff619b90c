"""Changes of the data that wait for a decision: found, kept on nodes, approved or rejected."""
