"""Another normalisation than the network learned, or none."""

from collections.abc import Iterator

import numpy as np

from saliency.check.cause import InputCause, Labelled
from saliency.readers.normalisation import normalised

# Usual pairs of mean and standard deviation, for values from 0 to 1.
USUAL = {
    "no normalisation": ([0.0], [1.0]),
    "mean and standard deviation of ImageNet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    "mean 0.5 and standard deviation 0.5": ([0.5], [0.5]),
}


class Normalisation(InputCause):
    """Tried with the usual numbers, and with those of each sample."""

    name = "normalisation"
    title = "normalisation"
    remedy = "set input.mean and input.std to those of the training"

    @classmethod
    def variants(cls, samples: Labelled) -> Iterator[tuple[str, np.ndarray]]:
        """Usual pairs for photographs; each sample's own mean and spread, and its own range."""
        channels, dims = samples.inputs.shape[1], tuple(range(1, samples.inputs.ndim))
        if samples.inputs.ndim == 4:
            for words, (mean, std) in USUAL.items():
                if len(mean) in (1, channels):
                    yield words, normalised(samples.inputs, mean, std)
        else:
            yield "no normalisation", samples.inputs
        spread = np.maximum(samples.inputs.std(dims, keepdims=True), np.finfo(np.float32).tiny)
        yield (
            "each sample's own mean and standard deviation",
            (samples.inputs - samples.inputs.mean(dims, keepdims=True)) / spread,
        )
        low, high = samples.inputs.min(dims, keepdims=True), samples.inputs.max(dims, keepdims=True)
        yield "each sample from 0 to 1", (samples.inputs - low) / np.maximum(high - low, np.finfo(np.float32).tiny)
