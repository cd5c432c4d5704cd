"""The first step with a dataset: a manifest and a config for files as they lie on the disk."""
