"""Asking for tiles: from the cache, or of an engine in this process or another one."""
