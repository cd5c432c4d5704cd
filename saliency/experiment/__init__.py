"""What an experiment consists of: its config, its manifest, and the plan that both describe."""
