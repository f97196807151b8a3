"""Stage one: trains a degradation encoder by self-supervision."""
