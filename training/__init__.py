"""Imagery -> samples -> weights: prepare, train, evaluate and export."""

import generator as generator  # before torch: it says how the threads wait for each other
