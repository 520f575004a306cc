"""What belongs to many runs at once."""
