"""A run: its recipe, its state, its steps, and the loop that takes them."""
