"""A model's arrays on disk: one Zarr group, whose shards are written apart from its metadata."""
