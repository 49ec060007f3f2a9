"""Making tiles: what is made next and for whom, and where the pixels go."""
