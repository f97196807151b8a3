"""The training of both stages: optimisers, checkpoints, guards, progress. Importing a module here loads Lightning."""
