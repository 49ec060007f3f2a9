"""From a request for a tile to its pixels: the client asks, the engine makes."""
