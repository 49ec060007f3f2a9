"""Planets that are made up: an equirectangular picture from a number and a style."""
