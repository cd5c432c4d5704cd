"""Usual causes of predictions that are worse than they should be, each in one file."""
