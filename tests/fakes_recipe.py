"""The network of recipes that tests train in seconds."""

NETWORK = """
[network]
widths = [16, 32]
blocks = [1, 1, 1]
embedding = 32
encoder = [16, 1]
"""
