"""Training of SR models."""
