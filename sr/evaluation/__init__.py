"""Evaluation of SR models by the published protocols."""
