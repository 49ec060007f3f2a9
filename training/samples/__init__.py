"""Imagery -> samples: windows of prepared imagery, drawn by address, as the steps want them."""
