"""Derivation of the layers of geography from packages; nothing here runs when tiles are made."""
