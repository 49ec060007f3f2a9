"""Making tiles: which block is made next and for whom, and where the pixels go."""
