"""Experiments that back figures and tables of the documents; no part of the package."""
