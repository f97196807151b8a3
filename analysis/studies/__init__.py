"""Studies, a file each: `python -m analysis.study NAME`. Their records are in `records`."""
