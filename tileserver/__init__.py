"""Elsewhere's tile server: Starlette in front, one generator thread and an LMDB cache behind."""
