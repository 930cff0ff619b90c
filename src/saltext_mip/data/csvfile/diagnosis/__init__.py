"""What a refused file is, and what to do about it: pure functions over a bounded part of it."""
