"""The tile cache: tiles of many worlds in LMDB, shared by processes, within a limit."""
