"""Why a checkpoint does not fit a network, in at most ten lines."""

import re
from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from saliency.files.one_line import one_line
from saliency.networks.state_dicts import SPECIAL, Reading, number_kind

# Endings of the names of a tensor that is made of others, with the words for it and what undoes it.
MADE_OF_OTHERS = (
    (("_orig", "_mask"), "pruned", "torch.nn.utils.prune.remove"),
    (("_orig", "_u"), "under spectral_norm", "torch.nn.utils.remove_spectral_norm"),
    (("_g", "_v"), "under weight_norm", "torch.nn.utils.remove_weight_norm"),
    (("original0", "original1"), "under weight_norm", "torch.nn.utils.parametrize.remove_parametrizations"),
    (("original",), "parametrised", "torch.nn.utils.parametrize.remove_parametrizations"),
)
POSITIONS = re.compile(r"pos(ition)?_?emb|relative_position|rel_pos")
QUANTISED = "the checkpoint is quantised: name the one of before the quantisation"
OTHER = "they are of another network: check factory and kwargs, or name another file"
# How many names and shapes a message shows.
SHOWN = 3


def misfit(name: str, reading: Reading | None, found: Mapping[str, Mapping[str, Tensor]], network: nn.Module) -> str:
    """Say why a checkpoint does not fit, and what to do.

    Parameters
    ----------
    name
        What the checkpoint is called.
    reading
        The best one, None if the network has no name in common with the checkpoint.
    found
        As `saliency.networks.state_dicts.state_dicts` returns it.
    network
        What it should fit.

    Examples
    --------
    >>> from saliency.networks.state_dicts import readings
    >>> found = {"": nn.Linear(512, 1000).state_dict()}
    >>> print(misfit("w.pt", readings(nn.Linear(512, 4), found)[0], found, nn.Linear(512, 4)))
    weights 'w.pt' do not fit the network: 2 of its 2 tensors have another shape
      weight: checkpoint [1000, 512], network [4, 512]
      bias: checkpoint [1000], network [4]
      the checkpoint has 1000 classes, and the network 4: change the kwargs, or train the last layer (train.pretrained)
    """
    if reading is None:
        largest = max(found.values(), key=len)
        lines = [
            f"weights '{name}' do not fit the network: no name is in both",
            f"  checkpoint: {_some(largest)}",
            f"  network: {_some(network.state_dict())}",
            f"  {_part(name) or (QUANTISED if _quantised(largest) else OTHER)}",
        ]
        return "\n".join(map(one_line, lines))
    own = len(reading.own)
    shapes = all(reading.state[unlike].shape != reading.own[unlike].shape for unlike in reading.unlike)
    differ = "shape" if shapes else "shape or kind of numbers"
    parts = [
        *([f"{len(reading.missing)} of its {own} tensors are missing"] if reading.missing else []),
        *([f"{len(reading.unlike)} of its {own} tensors have another {differ}"] if reading.unlike else []),
        *([f"{len(reading.torn)} are one tensor that the checkpoint has twice, not equal"] if reading.torn else []),
        *([f"{len(reading.left)} of the checkpoint's are left over"] if reading.left else []),
    ]
    lines = [f"weights '{name}' do not fit the network: {', '.join(parts)}"]
    if reading.words:
        lines.append(f"  read {reading.words}")
    if reading.missing:
        lines.append(f"  missing: {_some(reading.missing)}")
    if reading.left:
        lines.append(f"  left over: {_some(reading.left)}")
    if reading.torn:
        lines.append(f"  twice: {_some(reading.torn)}")
    for unlike in reading.unlike[:SHOWN]:
        lines.append(f"  {unlike}: checkpoint {_shape(reading, unlike)}, network {list(reading.own[unlike].shape)}")
    if len(reading.unlike) > SHOWN:
        lines[-1] += f"; and {len(reading.unlike) - SHOWN} more"
    return "\n".join(map(one_line, [*lines, f"  {_remedy(name, reading)}"]))


def _shape(reading: Reading, name: str) -> str:
    value, own = reading.state[name], reading.own[name]
    if number_kind(value) == number_kind(own):
        return f"{list(value.shape)}"
    if number_kind(value) == SPECIAL and not value.is_quantized:
        return f"{list(value.shape)} of the class {type(value).__name__}"
    return f"{list(value.shape)} of {str(value.dtype).removeprefix('torch.')}"


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _part(name: str) -> str:
    if re.search(r"-\d{5}-of-\d{5}", name):
        return "this is one part of several: name the index beside it (model.safetensors.index.json)"
    return ""


def _remedy(name: str, reading: Reading) -> str:
    if _part(name):
        return _part(name)
    for endings, words, undo in MADE_OF_OTHERS:
        if _made_of(reading.renamed.values(), reading.missing, endings):
            return f"the checkpoint is of a network {words}: call {undo} on its layers before you save it"
        if _made_of(reading.missing, reading.renamed.values(), endings):
            return f"the network is {words} and the checkpoint's is not: let the factory return it without that"
    if _quantised({name: reading.state[name] for name in reading.unlike} | dict(reading.left)):
        return QUANTISED
    if any(number_kind(reading.state[unlike]) == SPECIAL for unlike in reading.unlike):
        return "save plain tensors (of DTensors, a full state dict: get_model_state_dict, full_state_dict=True)"
    if reading.unlike and all(reading.is_head(unlike) for unlike in reading.unlike) and not reading.missing:
        owners = {unlike.rpartition(".")[0] for unlike in reading.unlike}
        sizes = {(len(reading.state[unlike]), len(reading.own[unlike])) for unlike in reading.unlike}
        if len(owners) == len(sizes) == 1:
            (theirs, ours), *_ = sizes
            return (
                f"the checkpoint has {theirs} classes, and the network {ours}: change the kwargs, or train the last "
                "layer (train.pretrained)"
            )
    if reading.unlike and all(POSITIONS.search(unlike) for unlike in reading.unlike):
        return "the checkpoint is of a network for another size of input: give the factory that size, and input as well"
    if not reading.fitting:
        return OTHER
    if not (reading.missing or reading.unlike or reading.torn):
        return "check factory and kwargs; weights_strict: false leaves out what the network has no place for"
    return (
        f"check factory and kwargs; weights_strict: false loads the {reading.fitting} that fit, and leaves the others "
        "as the factory made them, mostly random"
    )


def _quantised(tensors: Mapping[str, Tensor]) -> bool:
    return any(value.is_quantized or name.endswith("zero_point") for name, value in tensors.items())


def _made_of(names: Iterable[str], wanted: Iterable[str], endings: tuple[str, ...]) -> bool:
    """Whether a name that is wanted is there in the parts that it is made of."""
    there = {name.replace("parametrizations.", "") for name in names}
    joined = [f".{ending}" if ending.startswith("original") else ending for ending in endings]
    return any(all(name + ending in there for ending in joined) for name in wanted)
