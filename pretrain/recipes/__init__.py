"""Pretraining recipes, one YAML file each."""
