"""Measures of an embedding, and the tables and sentences that report them."""
