"""Training in both stages: optimisers, checkpoints, guards, progress. No re-exports: most modules load Lightning."""
