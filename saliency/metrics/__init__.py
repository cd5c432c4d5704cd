"""Measures of saliency maps: where they lie, how alike they are, and whether the model depends on what they show."""
