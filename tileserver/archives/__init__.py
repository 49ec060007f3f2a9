"""Reading archives of tiles: one PMTiles file, on this machine or behind a URL, by ranges."""
