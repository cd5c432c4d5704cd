"""Files of any kind: paths, whole or not there, and what is safe to open elsewhere."""
