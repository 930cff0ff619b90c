"""The federation's services as the pusher sees and changes them, by the master node."""
