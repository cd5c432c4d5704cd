"""Figures: raw values as pictures."""
