"""What each command returned, as text for one screen."""
