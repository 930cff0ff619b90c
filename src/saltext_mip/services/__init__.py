"""The federation's services on its Swarm: wanted, actual, plan, apply; and what they serve."""
