"""Looking at a model before a dataset is explained: its accuracy on some samples, and what a run will cost."""
