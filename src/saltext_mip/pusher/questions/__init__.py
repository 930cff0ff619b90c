"""What an operator is asked on the terminal."""
