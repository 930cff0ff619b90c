"""What one node has, and how it is remembered and sent."""
