"""Services of a federation on its master node."""
