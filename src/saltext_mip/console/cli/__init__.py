"""The command mip: its line is read, done, shown, and ended with a code."""
