"""The federation's services, enforced and reported from the master node."""
