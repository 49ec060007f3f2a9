"""What GIS clients read beside tiles: TileJSON, WMTS, OGC API, TMS, GDAL, QGIS, OpenAPI."""
