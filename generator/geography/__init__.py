"""What is known of a planet's ground: water, rivers, towns, roads, land cover.

Layers are whole numbers, equal on every machine, and pure functions of the address, so that
windows of every size and order agree. `generator.geography.layers` says what a layer is asked for.
"""
