"""How much of a degradation an embedding knows: probe sets, measures, scores, linear probes, intervals."""
