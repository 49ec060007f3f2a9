"""Work on whole regions by many machines: groups of tiles, workers, shards, joining them."""
