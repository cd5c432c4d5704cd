import pytest
from torch import nn

from saliency.exceptions import DataError
from saliency.networks.freeze import freeze_modules


def network():
    features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Sequential(nn.Conv2d(2, 2, 3)))
    return nn.Sequential(features, nn.Flatten(), nn.Linear(2, 2))


def learning(model):
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


@pytest.mark.parametrize(
    ("names", "left"),
    [
        ([], ["0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias", "0.2.0.weight", "0.2.0.bias", "2.weight", "2.bias"]),
        (["0"], ["2.weight", "2.bias"]),
        (["0.1", "0.2"], ["0.0.weight", "0.0.bias", "2.weight", "2.bias"]),
    ],
)
def test_a_module_is_frozen_with_all_that_is_in_it(names, left):
    model = network()
    assert freeze_modules(model, names) == [model.get_submodule(name) for name in names]
    assert learning(model) == left


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["0.2.1", "2"], "train.freeze: the network has no module '0.2.1'; close to it: 0.2.0, 0.2, 0.1"),
        (["head"], "train.freeze: the network has no module 'head'; close to it: 0, 1, 2"),
        ([""], "train.freeze: the network has no module ''; close to it: 0, 1, 2"),
        (["0", "2"], "train.freeze: leaves no parameter to train: name fewer modules"),
    ],
)
def test_names_that_do_not_fit(names, message):
    model = network()
    with pytest.raises(DataError) as caught:
        freeze_modules(model, names)
    assert str(caught.value) == message


def test_every_unknown_name_has_a_line():
    with pytest.raises(DataError, match=r"module 'a'; .*\n.* module 'b'; "):
        freeze_modules(network(), ["a", "0", "b"])
