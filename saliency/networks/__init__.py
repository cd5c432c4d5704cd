"""A network: built, described, and run on its device."""
