"""Searching for the layer that is explained where none is named."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn

from saliency.methods.passes.caller_warning import warn_caller
from saliency.methods.passes.layer_layout import LayoutFinder
from saliency.methods.passes.layer_outputs import LayerOutput, carries_all, shares_with_gradient
from saliency.methods.passes.layout import CHANNELS_FIRST, Layout
from saliency.methods.passes.no_gradient import no_gradient

# Global pooling; what changes nothing; and what moves places.
PASSED_OVER = (
    *(nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    *(nn.Identity, nn.modules.dropout._DropoutNd),
    *(nn.modules.padding._ConstantPadNd, nn.modules.padding._ReflectionPadNd, nn.modules.padding._ReplicationPadNd),
)
# What an encoder is called in networks that have one.
ENCODERS = ("encoder", "backbone")
# How the names of what comes behind it begin, where it is not called so.
DECODERS = ("decode", "head")
# Share of the positions of tokens on which the score has to depend: on the last ones, it may depend on one token alone.
LEAST_SHARE = 0.9
# As many tokens alone are a class token and a distillation token, and no grid.
LONE_TOKENS = 2
# Layers whose gradients are looked at in one pass, one such group after the other from the output on.
GROUPS = (1, 8, 64)


def last_feature_map(model: nn.Module, finder: LayoutFinder, within: str = "") -> str:
    """Name of the layer that makes the last feature map before global pooling.

    Of all layers that return more than one position, the last to finish counts on which the score rests; of nested
    ones that finish together the outermost that does something of its own: a block such as ``layer4.1`` rather than its
    last ReLU, and rather than the plain ``nn.Sequential`` around it. Passed over are adaptive pooling, what lies inside
    attention, and layers without parameters that run several times.

    It has to carry the whole score: not one branch of several. On tokens, the score has to depend nearly everywhere:
    the last block of a transformer with a class token gives only this one on; there, the normalisation before its
    attention counts, through which all others act. A last normalisation of tokens counts as the block before it.

    Where the output is itself a feature map (segmentation), it is the end of the encoder.

    Parameters
    ----------
    model
        The network, in the state in which it will run.
    finder
        Knows what its layers return.
    within
        Only layers inside of this one.

    Raises
    ------
    ValueError
        If there is none, or if the grid of the last tokens is not known.

    Examples
    --------
    >>> import torch
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    >>> last_feature_map(model, LayoutFinder(model, torch.rand(1, 1, 8, 8)))
    '1'
    """
    return _Search(model, finder, within).name()


class _Search:
    def __init__(self, model: nn.Module, finder: LayoutFinder, within: str) -> None:
        self.model, self.finder, self.traced = model, finder, finder.traced
        self.modules = dict(model.named_modules())
        self.candidates = [output for output in self.traced.outputs if self._possible(output, within)]
        self._gradients: dict[str, Tensor] = {}

    def name(self) -> str:
        found = self._of_encoder() if self.traced.dense else self._before_pooling()
        if found is None and self.traced.constant:
            raise ValueError(
                "the model gives the same scores for different inputs, so that nothing explains them: its last layer "
                "is zero (are its weights loaded?), or it does not use its input"
            )
        if found is None:
            reason = no_gradient(self.model, lambda x: self.finder.reader.returned(self.model, x), self.traced.x)
            raise ValueError(
                reason
                or f"no module of the model returns a feature map with more than one position for an input of shape "
                f"{list(self.traced.x.shape[1:])}, on which the whole score rests: pass target_layer, or a larger input"
            )
        return self._without_last_norm(self._inside(found)).name

    def _possible(self, output: LayerOutput, within: str) -> bool:
        module = self.modules[output.name]
        if within and not output.name.startswith(f"{within}."):
            return False
        if output.shape[:1] != (len(self.traced.x),) or isinstance(module, PASSED_OVER):
            return False
        if output.runs > 1 and next(module.parameters(), None) is None:
            return False
        maps = len(output.shape) == self.traced.x.ndim and prod(output.shape[2:]) > 1
        tokens = len(output.shape) == 3 and min(output.shape[1:]) > 1
        return (maps or tokens) and not self._inside_attention(output)

    def _inside_attention(self, output: LayerOutput) -> bool:
        """Whether a layer is a part of attention among tokens: its output is no map, whatever its shape."""
        parts = output.name.split(".")
        for depth in range(1, len(parts)):
            outer = ".".join(parts[:depth])
            names = type(self.modules[outer]).__name__.lower(), parts[depth - 1].lower()
            if not any("attention" in name or "attn" in name for name in names):
                continue
            around = self.traced[outer]
            # Attention to channels or places of a feature map is built of ordinary layers.
            if around is None or len(around.shape) == 3 or around.shape[-1] == self._width(outer):
                return True
        return False

    def _width(self, name: str) -> int | None:
        """Number of channels that the first linear layer inside takes; None without any."""
        linear = next((one for one in self.modules[name].modules() if isinstance(one, nn.Linear)), None)
        return linear.in_features if linear else None

    def _before_pooling(self) -> LayerOutput | None:
        unknown: LayerOutput | None = None
        # Those on which the score rests, but not all of it.
        partial: list[LayerOutput] = []
        for number in range(len(self.candidates) - 1, -1, -1):
            output = self.candidates[number]
            if any(output.name.startswith(f"{other.name}.") for other in partial):
                continue
            layout = self.finder.layout(output)
            if layout is None:
                tokens = len(output.shape) == 3 and output.shape[1] > LONE_TOKENS
                if unknown is None and tokens and self._gradient(number).any():
                    unknown = output
                continue
            if prod(layout.spatial(output.shape)) == 1 or not self._reached(number, layout):
                continue
            if unknown is not None:
                raise ValueError(self.finder.unknown(unknown))
            before_attention = layout.axes != CHANNELS_FIRST and self._normalises(output) and output.source
            if before_attention or carries_all(self.model, output, self.traced.x, self.finder.reader):
                return self._late(output, number, partial[0]) if partial else output
            partial.append(output)
        if unknown is not None:
            raise ValueError(self.finder.unknown(unknown))
        return self._late(None, 0, partial[0]) if partial else None

    def _late(self, output: LayerOutput | None, number: int, partial: LayerOutput) -> LayerOutput:
        """A layer that carries the whole score, or the last one that carries a part of it where that one comes early.

        Beside such a layer, the score rests on a skip connection, which no module makes, or on another branch.
        """
        if output is not None and 2 * number >= len(self.candidates):
            return output
        whole = f"the last one that does, '{output.name}', comes early" if output else "no other one does"
        text = f"layer '{partial.name}' does not carry the whole score, and {whole}"
        if len(partial.shape) == 3:
            raise ValueError(f"{text}: set target_layer to the layer that should be explained")
        warn_caller(f"{text}: '{partial.name}' is explained; set target_layer to be sure")
        return partial

    def _reached(self, number: int, layout: Layout) -> bool:
        """Whether the score depends on a layer: on tokens nearly everywhere, not on the class token alone."""
        strength = layout.as_map(self._gradient(number)).abs().amax((0, 1))
        if layout.axes == CHANNELS_FIRST:
            return bool(strength.any())
        return bool((strength > 1e-6 * strength.max()).float().mean() >= LEAST_SHARE)

    def _normalises(self, output: LayerOutput) -> bool:
        return "norm" in type(self.modules[output.name]).__name__.lower()

    def _gradient(self, number: int) -> Tensor:
        """Gradient of a candidate's output, zero where it is not reached."""
        name = self.candidates[number].name
        if name not in self._gradients:
            count = GROUPS[min(len(GROUPS) - 1, len(self._gradients))]
            group = [output.name for output in self.candidates[max(0, number + 1 - count) : number + 1]]
            self._gradients |= shares_with_gradient(self.model, group, self.traced.x, self.finder.reader)
        return self._gradients[name]

    def _of_encoder(self) -> LayerOutput | None:
        maps = [output for output in self.candidates if output.runs == 1]
        names = [name for name in self.modules if name.rpartition(".")[2] in ENCODERS]
        for encoder in sorted(names, key=lambda name: name.count(".")):
            inside = [output for output in maps if output.name.startswith(f"{encoder}.")]
            if found := self._last_reached(self._smallest(inside)):
                return found
        maps = [output for output in maps if not any(part.startswith(DECODERS) for part in output.name.split("."))]
        # Side branches have few channels. A block may have more inside than it returns.
        smallest = self._smallest(maps)
        channels = {output: output.shape[1] for output in smallest if self.finder.layout(output) == Layout()}
        most = max(channels.values(), default=0)
        found = self._last_reached([output for output in smallest if 2 * channels.get(output, most + 1) > most])
        around = [output for output in smallest if found and found.name.startswith(f"{output.name}.")]
        return min(around, key=lambda output: len(output.name), default=found)

    def _last_reached(self, outputs: Sequence[LayerOutput]) -> LayerOutput | None:
        """The last one on which the score depends."""
        reached = (output for output in reversed(outputs) if self._gradient(self.candidates.index(output)).any())
        return next(reached, None)

    def _smallest(self, outputs: Sequence[LayerOutput]) -> list[LayerOutput]:
        """The feature maps with the fewest positions."""
        sizes = {
            output: prod(layout.spatial(output.shape)) for output in outputs if (layout := self.finder.layout(output))
        }
        least = min((size for size in sizes.values() if size > 1), default=0)
        return [output for output, size in sizes.items() if size == least]

    def _inside(self, output: LayerOutput) -> LayerOutput:
        """The last layer inside of plain sequences."""
        while type(self.modules[output.name]) is nn.Sequential:
            inside = [other for other in self.candidates if other.name.rpartition(".")[0] == output.name]
            inside = [other for other in inside if other.shape == output.shape]
            if not inside:
                break
            output = inside[-1]
        return output

    def _without_last_norm(self, output: LayerOutput) -> LayerOutput:
        """The layer whose output a last normalisation of tokens, or a mere rearrangement of axes, got."""
        before = next((other for other in self.candidates if other.name == output.source), None)
        parent, layout = output.name.rpartition(".")[0], self.finder.layout(output)
        if before is None or (parent and not before.name.startswith(f"{parent}.")):
            return output
        module = self.modules[output.name]
        normalises = self._normalises(output) and layout is not None and layout.axes != CHANNELS_FIRST
        rearranges = before.shape != output.shape and sorted(before.shape) == sorted(output.shape)
        if normalises or (rearranges and next(module.parameters(), None) is None):
            return self._without_last_norm(self._inside(before))
        return output
