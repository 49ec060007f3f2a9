"""The cascade: stages that make a child of a parent, their weights, and worlds made of them."""
