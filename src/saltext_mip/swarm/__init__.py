"""The federation's services on its Swarm: desired, observed, plan, apply; what engines serve."""
