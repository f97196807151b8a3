"""What scores mean, in tables and sentences."""
