"""The networks of the layout memory: encoder of layout codes, and the decoder that makes children.

`codes` holds the quantiser, `bands` the split into what the parent leads and what the codes lead,
`encoder` and `decoder` the networks. Images inside are float [B, 3, H, W] in [-1, 1].
"""
