"""What a model looks at, over a whole dataset: groups that differ, clusters of maps, and findings in words."""
