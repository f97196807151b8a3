"""SR recipes, one YAML file each."""
