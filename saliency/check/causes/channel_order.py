"""Channels in another order than the network learned: OpenCV reads blue, green, red."""

from collections.abc import Iterator

import numpy as np

from saliency.check.cause import InputCause, Labelled
from saliency.readers.normalisation import normalised


class ChannelOrder(InputCause):
    """Tried where there are three channels."""

    name = "channel_order"
    title = "channel order"
    remedy = "set input.order: bgr (rgb, where it is bgr)"

    @classmethod
    def variants(cls, samples: Labelled) -> Iterator[tuple[str, np.ndarray]]:
        """The channels backwards, with their mean and standard deviation or with those of the place that they get."""
        if samples.inputs.shape[1] == 3:
            yield "the channels in reverse order (BGR)", samples.seen[:, ::-1]
            backwards = normalised(samples.inputs[:, ::-1], samples.mean, samples.std)
            yield "the channels in reverse order (BGR) before normalisation", backwards
