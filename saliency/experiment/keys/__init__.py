"""Every key of a config, written once: its default, what fits, and a sentence about it.

`saliency.experiment.schema` makes the JSON schema of them, `saliency.experiment.documentation` the tables of
``config/README.md``; run ``python -m saliency document`` after a change. Code that has defaults of its own takes them
from here (`saliency.registry.key.default_of`).
"""
