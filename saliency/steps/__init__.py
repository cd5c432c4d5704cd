"""What the jobs on shards do, one file for each step, and the tables and files that follow from shards."""
