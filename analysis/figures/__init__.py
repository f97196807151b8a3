"""Printed pictures of embeddings and scores."""
