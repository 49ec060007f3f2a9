"""Data sets from a world: pairs of parents and children, variants of labelled pictures."""
