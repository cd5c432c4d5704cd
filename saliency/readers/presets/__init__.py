"""Preprocessings that other packages publish beside their weights, by name: one file for each package."""
