"""Values in another range than the network learned: 0 to 255, or 0 to 1."""

from collections.abc import Iterator

import numpy as np

from saliency.check.cause import InputCause, Labelled

# Mean of ImageNet's pictures, 0 to 255; networks that came from Caffe see the difference.
CAFFE_MEAN = (123.675, 116.28, 103.53)


class ValueRange(InputCause):
    """Tried on photographs, which are stored from 0 to 1."""

    name = "value_range"
    title = "value range"
    remedy = "set input.mean and input.std: std [0.003922] (1/255) gives the network values up to 255"

    @classmethod
    def variants(cls, samples: Labelled) -> Iterator[tuple[str, np.ndarray]]:
        """Values as files have them, and what the network sees times 255 or divided by it."""
        if samples.inputs.ndim != 4:
            return
        yield "values from 0 to 255", samples.inputs * 255
        if samples.inputs.shape[1] == 3:
            mean = np.reshape(CAFFE_MEAN, (1, 3, 1, 1))
            yield "values from 0 to 255 minus their mean", samples.inputs * 255 - mean
            yield "values from 0 to 255 minus their mean (BGR)", (samples.inputs * 255 - mean)[:, ::-1]
        yield "values divided by 255", samples.seen / 255
