"""Reading imagery with its place and resolution: manifests, GeoTIFF, pictures, XYZ tiles."""
