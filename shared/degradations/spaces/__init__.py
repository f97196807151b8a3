"""The built-in degradation spaces, one YAML file each."""
