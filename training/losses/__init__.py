"""Losses: how far what a network draws is from what it is asked for."""
