"""The built-in probes, one YAML file each."""
