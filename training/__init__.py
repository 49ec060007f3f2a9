"""Imagery -> samples -> weights: prepare, train, evaluate and export."""
