"""What checks of the audit compute: they run a model again."""
