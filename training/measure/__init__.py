"""Measures of quality and cost, their tables and their figures."""
