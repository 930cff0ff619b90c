"""What `mip.setup` writes: the configuration of the pusher, and what it offers for nodes."""
