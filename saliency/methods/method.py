"""What a method is: one class that describes itself, and explains a model.

Everything that the workflow has to know of a method is read from its class: configs, digests, the layout of its array,
resources, rules, figures and the report. So a method is one file in this folder. It is imported while jobs are
planned, and imports torch inside its functions only.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from saliency.files.network_files import Reach
from saliency.registry.key import Key

if TYPE_CHECKING:
    from torch import Tensor, nn

    from saliency.methods.passes.forward_pass import ForwardPass, Given
    from saliency.methods.passes.target_layer import WantedLayer


@dataclass(frozen=True)
class Cost:
    """What a method's job needs; bounds, rounded up, on what ``tests/experiment/test_resources.py`` measures.

    Attributes
    ----------
    shard_copies
        Copies of each sample that it holds at a time, as of `saliency.experiment.steps.Step`.
    batch_copies
        What a forward pass keeps, as a multiple of its batch; 0 where no network runs.
    seconds
        Core seconds for a million values of the input, of one pass (`Method.passes`).
    """

    shard_copies: int
    batch_copies: int
    seconds: float


class Method(ABC):
    """A way to explain a class score. One object explains one model.

    Parameters
    ----------
    model
        A network; any architecture. Its scores are ``[n, classes]`` or ``[n]``, of dense models
        ``[n, classes, *spatial]``.
    target_layer
        Where the feature map is taken, for methods that need one: an index into the convolutional section, a dotted
        module name (``layer4.1``), a module, or None for the last layer of the convolutional section, or, where the
        model is not divided into two sections, the last feature map before global pooling. Of a list of layers, maps
        are averaged (`saliency.methods.passes.layer_average.averaged`).
    section_names
        Names of the convolutional and of the fully connected section; None detects them where there are two.
    mode
        "2D", "3D", or None to read it off the model's first convolution.
    tokens
        Of transformers, where it cannot be known: ``grid``, the positions along each spatial axis, and ``prefix``, the
        number of tokens before them.
    output
        Which of the model's outputs are its scores, where it returns several: an index, a key, or an attribute's name.
    outputs
        What the scores are: "logits" or "probabilities". One score per sample is two classes: of a logit s, class 1 has
        s and class 0 has -s; of a probability p, class 1 has p and class 0 has 1 - p. "multilabel" and "regression"
        leave it one: the logit of a class that a sample can have beside others, or a real value.
    settings
        Of the method, by name; those that are left out have their defaults.

    Attributes
    ----------
    name
        In configs, paths and tables.
    title
        In figures and on the page.
    summary
        One sentence for ``config/README.md``.
    formula
        In LaTeX, for ``docs/methods.md``, which also has the module's docstring: a title, and the paper.
    when, when_not
        What it is good for, and what it is not, a sentence each.
    version
        Raise it when a change to the code changes the maps: stored ones are then made again.
    by_default
        Whether a config without ``methods`` gets it.
    grid
        "features": one value per position of the target layer's output; "input": one per pixel or voxel.
    channels
        Whether there is a map for each channel of the input.
    signed
        Whether values below 0 mean something.
    needs
        What it reads from a forward pass, the names of attributes of `Given`: "features" (and their gradient),
        "steps_behind" and "feature_gradient_of" (them), "gradient", "guided_gradient", and "deconvolution".
    reach
        How far it looks into a network, which decides whether it works on one that comes as a file: "scores", where it
        does nothing but run it, "gradient", where it takes gradients with respect to the input, or "layers".
    parts
        Names of the methods whose maps it combines, where it reads nothing else.
    package, extra
        A Python package that it needs, and the extra that brings it; "" where it needs none.
    keys
        Its settings, which a config has in ``method_settings``.
    cost
        What its job needs.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    formula: ClassVar[str] = ""
    when: ClassVar[str] = ""
    when_not: ClassVar[str] = ""
    version: ClassVar[int]
    by_default: ClassVar[bool] = False
    grid: ClassVar[Literal["features", "input"]]
    channels: ClassVar[bool]
    signed: ClassVar[bool]
    needs: ClassVar[frozenset[str]] = frozenset()
    reach: ClassVar[Reach] = "layers"
    parts: ClassVar[tuple[str, ...]] = ()
    package: ClassVar[str] = ""
    extra: ClassVar[str] = ""
    keys: ClassVar[tuple[Key, ...]] = ()
    cost: ClassVar[Cost]

    def __init__(
        self,
        model: nn.Module,
        target_layer: WantedLayer | Sequence[WantedLayer] = None,
        section_names: Sequence[str] | None = None,
        mode: str | None = None,
        tokens: Mapping[str, Any] | None = None,
        output: int | str | None = None,
        outputs: str = "logits",
        **settings: Any,
    ) -> None:
        from saliency.methods.passes.explainer import Explainer
        from saliency.methods.passes.layout import given_tokens
        from saliency.methods.passes.score_reader import ScoreReader

        wanted, reader = {self.name: settings}, ScoreReader(output, outputs)
        layout = given_tokens(tokens)
        self.explainer = Explainer(model, [type(self)], target_layer, section_names, mode, wanted, reader, layout)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Compute the map from what a forward pass gives, for methods without parts.

        Parameters
        ----------
        given
            Of one class per sample.
        settings
            All of `keys`.

        Returns
        -------
        Tensor
            ``[n, *feature_spatial]`` or ``[n, *spatial]`` as `grid` says, with `channels` ``[n, c, *spatial]``.
        """
        raise NotImplementedError(f"{cls.__name__} has no map_of")

    @classmethod
    def combine(cls, maps: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Tensor:
        """Compute the map from those of `parts`, by name; shapes as of `map_of`."""
        raise NotImplementedError(f"{cls.__name__} has no combine")

    @classmethod
    def passes(cls, settings: Mapping[str, Any], ndim: int) -> int:
        """How often it runs the network on a batch, for the time that a job asks for: `cost` is that of one pass.

        Parameters
        ----------
        settings
            All of `keys`.
        ndim
            Number of spatial axes.
        """
        return 1

    @classmethod
    def complete(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in the defaults of settings.

        Raises
        ------
        ValueError
            If the method has no setting of a name.
        """
        known = {key.name: key.default for key in cls.keys}
        unknown = sorted(settings.keys() - known.keys())
        if unknown:
            raise ValueError(f"{cls.title} has no setting {', '.join(unknown)}; it has: {', '.join(known) or 'none'}")
        return known | dict(settings)

    @property
    def model(self) -> nn.Module:
        """The model that is explained."""
        return self.explainer.model

    @property
    def sections(self) -> tuple[str, str] | None:
        """Names of the convolutional and of the fully connected section, None where there are none."""
        return self.explainer.sections

    def target_layers(self, x: Tensor) -> dict[str, nn.Module]:
        """The target layers by name; found on first use, with a few passes of noise in a sample's shape."""
        return {found.name: found.module for found in self.explainer.target_layers(x)}

    def forward_pass(
        self, x: Tensor, ignore_lastlayer: bool = False, region: Tensor | None = None
    ) -> AbstractContextManager[ForwardPass]:
        """Run the model once on the batch `x`; maps of any number of classes can be read inside the ``with`` block.

        Parameters
        ----------
        x
            ``[n, c, *spatial]``, floating point.
        ignore_lastlayer, region
            As in ``__call__``.
        """
        return self.explainer.forward_pass(x, ignore_lastlayer, region)

    def __call__(
        self,
        x: Tensor,
        target_class: int | Sequence[int] | Tensor | None = None,
        ignore_lastlayer: bool = False,
        region: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Predict `x` and explain the prediction.

        Parameters
        ----------
        x
            ``[n, c, *spatial]``, or one sample ``[c, *spatial]``; floating point.
        target_class
            The class to explain: None or [] for the predicted one, one index, or one index per sample; of a
            regression, the index of a value.
        ignore_lastlayer
            Take the score before the model's last activation (softmax, sigmoid), whose gradient vanishes where
            the model is sure.
        region
            For models that give one score per pixel or voxel: where a class's scores are summed up, ``[n, *spatial]``
            or ``[*spatial]`` for one sample; None for the region in which the class is predicted.

        Returns
        -------
        model_output
            ``[n, classes]`` (``[classes]`` for one sample): the scores, before the last activation if it is ignored.
            ``[n, 1]`` where the model has one score per sample.
            Dense models give ``[n, classes, *spatial]``.
        map
            The raw map; of x's spatial size, unbatched when `x` was.

        Raises
        ------
        ValueError
            Where shape, mode, class or layer do not fit, saying what to pass.
        """
        from saliency.methods.passes.scores import select_classes

        if target_class is None and self.explainer.reader.outputs == "regression":
            raise ValueError("outputs='regression' has no predicted class: pass the index of a value, such as 0")
        batch, batched = self.explainer.as_batch(x)
        if region is not None and not batched:
            region = region.unsqueeze(0)
        with self.forward_pass(batch, ignore_lastlayer, region) as forward:
            found = forward.maps(select_classes(forward.scores, target_class))[self.name]
            result = self._of_input_size(found, batch.shape[2:])
        return (forward.output, result) if batched else (forward.output[0], result[0])

    def _of_input_size(self, found: Tensor, spatial: Sequence[int]) -> Tensor:
        """The map as ``[n, c, *spatial]`` or ``[n, 1, *spatial]``."""
        from saliency.files.in_words import quoted
        from saliency.methods.passes.caller_warning import warn_caller
        from saliency.methods.upsampling import upsample

        if self.channels:
            return found
        if self.grid == "input":
            return found.unsqueeze(1)
        blank = int((found.flatten(1) == 0).all(dim=1).sum())
        if blank:
            warn_caller(
                f"{self.title} is zero everywhere for {blank} of {len(found)} samples: nothing in target layer "
                f"{quoted(self.explainer.layer_names)} speaks for the class"
            )
        return upsample(found, spatial)
