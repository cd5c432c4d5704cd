"""What the layers of a network return: shapes from one traced pass, and passes with one output replaced or changed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from saliency.methods.passes.network_call import call_network
from saliency.methods.passes.score_reader import ScoreReader


@dataclass(frozen=True)
class LayerOutput:
    """What a layer returned last.

    Attributes
    ----------
    name
        Dotted name of the module.
    shape
        Of the tensor.
    runs
        How often the layer ran.
    source
        Name of the layer that finished before it, if the layer got that one's output as it is; else "".
    """

    name: str
    shape: tuple[int, ...]
    runs: int
    source: str = ""


@dataclass(frozen=True)
class Trace:
    """One pass of a network.

    Attributes
    ----------
    x
        What it saw: noise, ``[n, c, *spatial]``; two samples, or one where it takes no two.
    outputs
        Of all layers that returned a tensor, in the order in which they finished.
    others
        By layer that returned something else, what that was.
    dense
        Whether the network has a score per pixel or voxel.
    constant
        Whether two samples have the same scores.
    finite
        Whether all scores are.
    """

    x: Tensor
    outputs: list[LayerOutput]
    others: dict[str, str]
    dense: bool
    constant: bool
    finite: bool

    @property
    def spatial(self) -> tuple[int, ...]:
        """Spatial shape of the input."""
        return tuple(self.x.shape[2:])

    def __getitem__(self, name: str) -> LayerOutput | None:
        return next((output for output in self.outputs if output.name == name), None)


def map_of(output: object) -> Tensor | None:
    """The tensor that may be a feature map in what a layer returned: all of it, or the first entry of a tuple."""
    if isinstance(output, tuple) and output:
        output = output[0]
    return output if isinstance(output, Tensor) else None


def with_map(output: object, tensor: Tensor) -> object:
    """Put a tensor in the place where `map_of` found one."""
    if not isinstance(output, tuple):
        return tensor
    entries = (tensor, *output[1:])
    # Named tuples take their entries one by one.
    return type(output)(*entries) if hasattr(output, "_fields") else entries


def noise(example: Tensor, samples: int) -> Tensor:
    """Seeded noise in the shape of a batch, with another number of samples: what is found does not depend on data.

    It is positive where `example` is.
    """
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(samples, *example.shape[1:], generator=generator).to(example)
    return values.abs() if bool((example > 0).all()) else values


def trace(model: nn.Module, example: Tensor, reader: ScoreReader) -> Trace:
    """Run noise through a network, and note what its layers return.

    Parameters
    ----------
    model
        The network, in the state in which it will run.
    example
        ``[n, c, *spatial]``: a batch of the kind that the network takes.
    reader
        Reads the scores off what the network returns.
    """
    try:
        return _of_noise(model, example, 2, reader)
    except RuntimeError:
        # Some networks know the size of their batch; what else is wrong is raised again.
        return _of_noise(model, example, len(example), reader)


def _of_noise(model: nn.Module, example: Tensor, samples: int, reader: ScoreReader) -> Trace:
    found = _traced(model, noise(example, samples), reader)
    # Some networks take logarithms or roots of their input.
    return found if found.finite else _traced(model, noise(example, samples).abs(), reader)


def _traced(model: nn.Module, x: Tensor, reader: ScoreReader) -> Trace:
    runs: dict[str, int] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    sources: dict[str, str] = {}
    others: dict[str, str] = {}
    last: tuple[str, object] = ("", None)

    def record(name: str, output: object, given: object) -> None:
        nonlocal last
        runs[name] = runs.get(name, 0) + 1
        shapes.pop(name, None)
        found = map_of(output)
        if found is None:
            others[name] = type(output).__name__
        else:
            shapes[name] = tuple(found.shape)
            sources[name] = last[0] if map_of(given) is last[1] else ""
            last = name, found

    modules = dict(model.named_modules())
    handles = [
        modules[name].register_forward_hook(
            lambda _module, args, output, name=name: record(name, output, args[0] if args else None)
        )
        for name in modules
        if name
    ]
    try:
        with torch.no_grad():
            scores = reader.returned(model, x)
    finally:
        for handle in handles:
            handle.remove()
    outputs = [LayerOutput(name, shape, runs[name], sources[name]) for name, shape in shapes.items()]
    dense, constant = scores.ndim > 2 and scores.shape[2:].numel() > 1, bool((scores[:1] == scores[-1:]).all())
    return Trace(x, outputs, others, dense, constant and len(x) > 1, bool(scores.isfinite().all()))


@contextmanager
def hooked(model: nn.Module, names: Sequence[str], hook: Callable[[str, Tensor], Tensor | None]) -> Iterator[None]:
    """Call a hook with the name and the map of each of some layers; a tensor that it returns takes the map's place."""
    modules = dict(model.named_modules())

    def on_map(name: str, output: object) -> object:
        found = map_of(output)
        replaced = None if found is None else hook(name, found)
        return None if replaced is None else with_map(output, replaced)

    handles = [
        modules[name].register_forward_hook(lambda _module, _args, output, name=name: on_map(name, output))
        for name in names
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _keep(kept: list[Tensor], _: str, output: Tensor) -> None:
    kept.append(output.clone())


def _seeded_scores(model: nn.Module, x: Tensor, reader: ScoreReader) -> Tensor:
    """Scores that differ by their input alone, also of a network that draws random numbers."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return reader.returned(model, x)


def carries_all(model: nn.Module, layer: LayerOutput, x: Tensor, reader: ScoreReader) -> bool:
    """Whether the scores depend on the input through a layer's last output alone.

    The output for one input is put in place of that for another one: then the scores of the first one come out.

    Parameters
    ----------
    model
        The network.
    layer
        One of its layers.
    x
        ``[n, c, *spatial]``.
    reader
        Reads the scores off what the network returns.
    """
    kept: list[Tensor] = []
    other = x.roll(1, -1) * 0.5 + 0.25
    with torch.no_grad():
        with hooked(model, [layer.name], partial(_keep, kept)):
            wanted = _seeded_scores(model, x, reader)
        count = 0

        def replace(_: str, output: Tensor) -> Tensor:
            nonlocal count
            count += 1
            return kept[-1].clone() if count == layer.runs else output

        with hooked(model, [layer.name], replace):
            found = _seeded_scores(model, other, reader)
        difference = (_seeded_scores(model, other, reader) - wanted).abs().max()
    return bool((found - wanted).abs().max() <= 1e-4 * difference)


def shares_with_gradient(model: nn.Module, names: Sequence[str], x: Tensor, reader: ScoreReader) -> dict[str, Tensor]:
    """Where the score depends on the outputs of some layers: a random mixture of the scores of all classes.

    Parameters
    ----------
    model
        The network, without gradients of parameters.
    names
        Of layers, in the order in which they finish: the graph begins at the first one.
    x
        ``[n, c, *spatial]``.
    reader
        Reads the scores off what the network returns.

    Returns
    -------
    dict
        By name, the gradient in the shape of the output; zero where the score does not depend on it.
    """
    found: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> Tensor:
        if not found:
            output = output.detach().requires_grad_()
        found[name] = output
        # The network goes on with a copy, into which it may write.
        return output.clone()

    with hooked(model, names, keep), torch.enable_grad():
        scores = reader.returned(model, x)
    weights = noise(scores, len(scores))
    zero = {name: torch.zeros_like(output) for name, output in found.items()}
    wanted = {name: output for name, output in found.items() if output.requires_grad}
    if not scores.requires_grad or not wanted:
        return zero
    gradients = torch.autograd.grad((scores * weights).sum(), list(wanted.values()), allow_unused=True)
    given = {name: gradient for name, gradient in zip(wanted, gradients, strict=True) if gradient is not None}
    return zero | given


class _Seen(BaseException):
    pass


def changes(model: nn.Module, layer: LayerOutput, inputs: Tensor) -> Tensor:
    """A layer's output for the first of some inputs, minus those for the others, ``[n - 1, *output]``."""
    outputs: list[Tensor] = []
    with torch.no_grad():
        # One after the other: some networks know the size of their batch.
        for x in inputs.split(1):
            runs = 0

            def keep(_: str, output: Tensor) -> None:
                nonlocal runs
                runs += 1
                if runs == layer.runs:
                    outputs.append(output.clone())
                    raise _Seen

            with hooked(model, [layer.name], keep), suppress(_Seen):
                call_network(model, x)
    return torch.cat([output - outputs[0] for output in outputs[1:]])
