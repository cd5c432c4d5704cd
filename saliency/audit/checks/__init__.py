"""Checks that run a model again: do maps show what it uses."""
