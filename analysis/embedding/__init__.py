"""Embeddings: what embeds, what is embedded, where the result is kept, and its two-dimensional maps."""
