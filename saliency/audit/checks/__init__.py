"""Checks that run a model again, one file each: what each is called, reads, writes and costs."""
