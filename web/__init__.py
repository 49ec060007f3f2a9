"""The viewer: a static page (HTML, CSS and ES modules) that the tile server sends as it is."""
