"""Prepared imagery: pictures decoded once into shards, with their coarser levels."""
