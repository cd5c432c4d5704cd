"""Formats of checkpoints: which load, with exactly whose values, and what the others' messages say."""

import argparse
import collections
import gzip
import json
import pickle
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn
from torch.nn.utils import parametrizations, prune

from saliency.exceptions import DataError
from saliency.methods.passes.network_call import unwrapped
from saliency.networks.load import load_model
from saliency.networks.weights import Choice
from tests.helpers import checkpoint_networks as networks
from tests.helpers.checkpoint_networks import Classifier
from tests.helpers.what_runs import what_runs
from tests.workflow.test_untrusted import RunsACommand

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*deprecated", "ignore:.*TorchScript archive", "ignore:.*NEW weight_norm"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def state(seed: int = 1, network: Callable[..., nn.Module] = Classifier, **options: int) -> dict[str, torch.Tensor]:
    return network(seed, **options).state_dict()


def prefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in tensors.items()}


def renamed(tensors: dict[str, torch.Tensor], old: str, new: str) -> dict[str, torch.Tensor]:
    return {name.replace(old, new): value for name, value in tensors.items()}


def adam(network: nn.Module) -> dict:
    optimizer = torch.optim.Adam(network.parameters())
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return optimizer.state_dict()


def lightning(prefix: str = "model.") -> dict:
    return {
        "epoch": 3,
        "global_step": 12,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": prefixed(prefix, state()) | {"loss.weight": torch.ones(4)},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 3}}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.9), "best_k_models": {}}},
        "optimizer_states": [adam(Classifier(1))],
        "hyper_parameters": {"lr": 1e-3},
    }


def nnunet() -> dict:
    return {
        "network_weights": prefixed("_orig_mod.", state()),
        "optimizer_state": adam(Classifier(1)),
        "grad_scaler_state": {"scale": 65536.0},
        "logging": {"mean_fg_dice": [np.float64(0.5)], "dice_per_class": [[np.float32(0.5), np.float32(0.25)]]},
        "_best_ema": np.float64(0.5),
        "current_epoch": 10,
        "init_args": {"plans": {"patch_size": [np.int64(16), 16]}, "fold": 0},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1),
    }


def in_parts(name: str, save: Callable) -> None:
    tensors, index = state(), {}
    for number, chosen in enumerate([list(tensors)[:3], list(tensors)[3:]], 1):
        file = f"model-0000{number}-of-00002.{name}"
        save({tensor: tensors[tensor] for tensor in chosen}, file)
        index |= dict.fromkeys(chosen, file)
    Path(f"model.{name}.index.json").write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": index}))


def index_of(weight_map: object) -> None:
    Path("w.index.json").write_text(json.dumps({"weight_map": weight_map}))


def save(content: object, file: str = "w.pt", **options: object) -> None:
    torch.save(content, file, **options)


def script(file: str = "w.pt") -> None:
    torch.jit.trace(Classifier(1).eval(), torch.zeros(1, 3, 8, 8)).save(file)


def quantised() -> None:
    network = torch.ao.quantization.quantize_dynamic(networks.linear(1), {nn.Linear}, dtype=torch.qint8)
    save(network.state_dict())


def pruned() -> nn.Module:
    network = Classifier(1)
    prune.l1_unstructured(network.conv, "weight", amount=0.3)
    return network


def old_names(change: Callable[[nn.Module], object]) -> dict[str, torch.Tensor]:
    network = networks.linear(1)
    change(network[0])
    return network.state_dict()


class Parted(torch.Tensor):
    """Tensors that are spread over processes are of a class of their own."""


@dataclass
class Loads:
    """A file from which a network gets all of its values: those of the network with a seed."""

    write: Callable[[], object]
    network: str = "Classifier"
    file: str = "w.pt"
    seed: int = 1
    choice: Choice = field(default_factory=Choice)
    trust: bool = False
    log: str = ""


@dataclass
class Refused:
    """A file that does not load, and the words of the message."""

    write: Callable[[], object]
    message: str
    network: str = "Classifier"
    file: str = "w.pt"
    choice: Choice = field(default_factory=Choice)
    trust: bool = False


LOADS = {
    "state dict": Loads(lambda: save(state())),
    "legacy file": Loads(lambda: save(state(), _use_new_zipfile_serialization=False)),
    "parameters": Loads(
        lambda: save({**dict(Classifier(1).named_parameters()), **dict(Classifier(1).named_buffers())})
    ),
    "safetensors": Loads(lambda: save_file(state(), "w.safetensors"), file="w.safetensors"),
    "safetensors called bin": Loads(lambda: save_file(state(), "w.bin"), file="w.bin"),
    "safetensors in parts": Loads(lambda: in_parts("safetensors", save_file), file="model.safetensors.index.json"),
    "torch in parts": Loads(lambda: in_parts("bin", save), file="model.bin.index.json"),
    "double precision": Loads(lambda: save(Classifier(1).double().state_dict())),
    "state_dict": Loads(lambda: save({"state_dict": state(), "epoch": 3}), log="read from 'state_dict'"),
    "model": Loads(lambda: save({"model": state()}), log="read from 'model'"),
    "model_state_dict": Loads(lambda: save({"model_state_dict": state(), "optimizer_state_dict": adam(Classifier(1))})),
    "net": Loads(lambda: save({"net": state(), "acc": 91.5})),
    "deep": Loads(lambda: save({"a": {"b": {"c": {"d": state()}}}}), log="read from 'a.b.c.d'"),
    "list of one": Loads(lambda: save([state(), 3]), log="read from '0'"),
    "numbers beside tensors": Loads(lambda: save({**state(), "epoch": 3, "name": "net"})),
    "DataParallel": Loads(lambda: save(networks.parallel(1).state_dict()), log="read without the prefix 'module.'"),
    "torch.compile": Loads(lambda: save(networks.compiled(1).state_dict()), log="read without the prefix '_orig_mod.'"),
    "compiled, parallel": Loads(lambda: save(prefixed("module._orig_mod.", state()))),
    "parallel, compiled": Loads(lambda: save({"model": prefixed("_orig_mod.module.", state())})),
    "FSDP": Loads(lambda: save(prefixed("_fsdp_wrapped_module.", renamed(state(), "bn.", "bn._fsdp_wrapped_module.")))),
    "checkpointed layers": Loads(lambda: save(renamed(state(), "conv.", "conv._checkpoint_wrapped_module."))),
    "DDP in the middle": Loads(
        lambda: save(renamed(state(1, networks.Wrapped), "backbone.", "backbone.module.")),
        "Wrapped",
        log="'module' in the names",
    ),
    "Lightning": Loads(lambda: save(lightning()), log="read from 'state_dict' without the prefix 'model.'"),
    "Lightning, compiled": Loads(lambda: save(lightning("model._orig_mod."))),
    "nnU-Net": Loads(lambda: save(nnunet()), log="from 'network_weights'"),
    "MONAI": Loads(
        lambda: save({"network": state(), "optimizer": adam(Classifier(1)), "best_metric": np.float32(0.5)})
    ),
    "MMDetection": Loads(
        lambda: save(
            {"meta": {"epoch": 1, "CLASSES": ("a", "b")}, "state_dict": state(), "optimizer": adam(Classifier(1))}
        )
    ),
    "MAE": Loads(lambda: save({"model": state(), "args": argparse.Namespace(lr=1.0, out=Path("out")), "scaler": {}})),
    "timm": Loads(
        lambda: save(
            {
                "epoch": 1,
                "arch": "net",
                "state_dict": state(),
                "version": 2,
                "args": argparse.Namespace(lr=1.0),
                "optimizer": adam(Classifier(1)),
                "metric": np.float64(91.0),
            }
        )
    ),
    "fairseq": Loads(
        lambda: save(
            {
                "args": argparse.Namespace(),
                "model": state(),
                "extra_state": {"epoch": 1},
                "cfg": {"task": {"data": "x"}},
                "optimizer_history": [{"num_updates": 3}],
                "last_optimizer_state": adam(Classifier(1)),
            }
        )
    ),
    "SWA": Loads(lambda: save(torch.optim.swa_utils.AveragedModel(Classifier(1)).state_dict())),
    "states of generators": Loads(
        lambda: save(
            {"model": state(), "rng": [np.random.RandomState(0).get_state(), random.getstate(), torch.get_rng_state()]}
        )
    ),
    "arrays and versions": Loads(
        lambda: save(
            {
                "model": state(),
                "mean": np.ones((2, 3)),
                "torch": torch.__version__,
                "counts": collections.defaultdict(list, a=[1]),
                "left": collections.Counter("aab"),
            }
        )
    ),
    "without counters": Loads(
        lambda: save({name: value for name, value in state().items() if "num_batches" not in name})
    ),
    "encoder of two": Loads(lambda: save({**prefixed("encoder.", state()), "decoder.conv.weight": torch.ones(2)})),
    "child of the network": Loads(lambda: save(state()), "Wrapped", log="with 'backbone.' before the names"),
    "network is parallel": Loads(lambda: save(state()), "parallel"),
    "network is compiled": Loads(lambda: save(state()), "compiled"),
    "child is compiled": Loads(lambda: save(state(1, networks.Wrapped)), "compiled_child"),
    "both are parallel": Loads(lambda: save(networks.parallel(1).state_dict()), "parallel"),
    "child called module": Loads(lambda: save(state(1, networks.WithModule)), "WithModule"),
    "child called module, parallel": Loads(
        lambda: save(nn.DataParallel(networks.WithModule(1)).state_dict()), "WithModule"
    ),
    "tied, once": Loads(lambda: save_model(networks.Tied(1), "w.safetensors"), "Tied", "w.safetensors"),
    "tied, twice": Loads(lambda: save(state(1, networks.Tied)), "Tied"),
    "frozen normalisation": Loads(lambda: save(state(1, networks.batch_normalised)), "frozen"),
    "older weight_norm": Loads(lambda: save(old_names(nn.utils.weight_norm)), "weight_normalised"),
    "complex": Loads(lambda: save(state(1, networks.Complex)), "Complex"),
    "EMA that is the same": Loads(lambda: save({"model": state(), "ema": state()})),
    "weights_key": Loads(lambda: save({"model": state(), "ema": state(2)}), seed=2, choice=Choice(key="ema")),
    "weights_key above": Loads(
        lambda: save({"model": state(), "ema": {"module": state(2), "updates": 3}}), seed=2, choice=Choice(key="ema")
    ),
    "weights_prefix": Loads(
        lambda: save({**prefixed("student.", state()), **prefixed("teacher.", state(2))}),
        seed=2,
        choice=Choice(prefix="teacher"),
    ),
    "weights_prefix of wrappers": Loads(
        lambda: save({**prefixed("module.student.", state()), **prefixed("module.teacher.", state(2))}),
        seed=2,
        choice=Choice(prefix="module.teacher."),
    ),
    "no weights_prefix": Loads(lambda: save({**state(), **prefixed("ema.", state(2))}), choice=Choice(prefix="")),
    "key and prefix": Loads(
        lambda: save({"a": {**prefixed("x.", state()), **prefixed("y.", state(2))}, "b": prefixed("x.", state(3))}),
        seed=2,
        choice=Choice("a", "y"),
    ),
    "not strict": Loads(lambda: save({**state(), "aux.weight": torch.ones(2)}), choice=Choice(strict=False)),
    "module, trusted": Loads(lambda: save(Classifier(1)), trust=True),
    "modules, trusted": Loads(lambda: save({"model": Classifier(1), "ema": None}), trust=True, log="read from 'model'"),
    "TorchScript, trusted": Loads(script, trust=True),
}


@pytest.mark.parametrize("name", LOADS)
def test_loads(name, caplog):
    caplog.set_level("INFO")
    row = LOADS[name]
    row.write()
    with what_runs() as ran:
        found = load_model(
            f"tests.helpers.checkpoint_networks:{row.network}", {}, row.file, row.trust, row.choice
        ).state_dict()
    wanted = unwrapped(getattr(networks, row.network)(row.seed)).state_dict()
    assert found.keys() == wanted.keys()
    for tensor, value in wanted.items():
        assert torch.equal(found[tensor], value), tensor
    assert row.log in caplog.text
    assert row.trust or ran == []


TWO = "can be read in 2 ways that fit and differ"
REFUSED = {
    # Several readings.
    "model and EMA": Refused(
        lambda: save({"model": state(), "model_ema": state(2)}),
        f"{TWO}: set weights_key to one of 'model', 'model_ema'",
    ),
    "timm with EMA": Refused(
        lambda: save({"state_dict": state(), "state_dict_ema": state(2), "args": argparse.Namespace()}),
        "set weights_key to one of 'state_dict', 'state_dict_ema'",
    ),
    "DDP and EMA": Refused(
        lambda: save({"model": prefixed("module.", state()), "ema": {"module": prefixed("module.", state(2))}}),
        "set weights_key to one of 'model', 'ema.module'",
    ),
    "student and teacher": Refused(
        lambda: save({"student": prefixed("module.backbone.", state()), "teacher": prefixed("backbone.", state(2))}),
        "set weights_key to one of 'teacher', 'student'",
    ),
    "two prefixes": Refused(
        lambda: save({"state_dict": {**prefixed("model.", state()), **prefixed("teacher.", state(2))}}),
        "set weights_prefix to one of 'model.', 'teacher.'",
    ),
    "EMA beside plain names": Refused(
        lambda: save({**state(), **prefixed("ema.", state(2))}), "set weights_prefix to one of 'ema.', ''"
    ),
    "keys and prefixes": Refused(
        lambda: save({"a": {**prefixed("x.", state()), **prefixed("y.", state(2))}, "b": state(3)}),
        "can be read in 3 ways that fit and differ: set weights_key and weights_prefix to 'b' and ''",
    ),
    "ensemble": Refused(lambda: save([state(), state(2)]), "set weights_key to one of '0', '1'"),
    "no such key": Refused(
        lambda: save({"model": state()}),
        "weights_key 'net' leads to no state dict: choose from 'model'",
        choice=Choice(key="net"),
    ),
    "no such prefix": Refused(
        lambda: save({"model": state()}),
        "weights_prefix 'net' leaves no name of the network: choose from ''",
        choice=Choice(prefix="net"),
    ),
    "key of another network": Refused(
        lambda: save({"model": state(), "ema": state(1, networks.linear)}),
        "no name is in both",
        choice=Choice(key="ema"),
    ),
    # Other networks.
    "classes": Refused(
        lambda: save(state(classes=1000)),
        "do not fit the network: 2 of its 9 tensors have another shape\n"
        "  head.weight: checkpoint [1000, 6], network [4, 6]\n  head.bias: checkpoint [1000], network [4]\n"
        "  the checkpoint has 1000 classes, and the network 4: change the kwargs",
    ),
    "width": Refused(lambda: save(state(width=5)), "  conv.weight: checkpoint [5, 3, 3, 3], network [6, 3, 3, 3]"),
    "missing": Refused(
        lambda: save({name: value for name, value in state().items() if not name.startswith("bn.")}),
        "do not fit the network: 4 of its 9 tensors are missing\n"
        "  missing: bn.weight, bn.bias, bn.running_mean and 1 more\n"
        "  check factory and kwargs; weights_strict: false loads the 4 that fit, and leaves the others as the factory",
    ),
    "left over": Refused(
        lambda: save({"net": {**state(), "aux.weight": torch.ones(2)}}),
        "do not fit the network: 1 of the checkpoint's are left over\n  read from 'net'\n  left over: aux.weight\n"
        "  check factory and kwargs; weights_strict: false leaves out",
    ),
    "other names": Refused(
        lambda: save(state(1, networks.linear)),
        "no name is in both\n  checkpoint: 0.weight, 0.bias, 1.weight and 1 more\n"
        "  network: conv.weight, conv.bias, bn.weight and 6 more\n"
        "  they are of another network: check factory and kwargs",
    ),
    "optimiser alone": Refused(lambda: save(adam(Classifier(1))), "no name is in both"),
    "size of the input": Refused(
        lambda: save(state(1, networks.Positions, tokens=577)),
        "  pos_embed: checkpoint [1, 577, 2], network [1, 197, 2]\n"
        "  the checkpoint is of a network for another size of input",
        "Positions",
    ),
    "tied, not equal": Refused(
        lambda: save(state(1, networks.Tied) | {"second.weight": torch.ones(3, 3)}), "  twice: second.weight", "Tied"
    ),
    "one part of two": Refused(
        lambda: in_parts("safetensors", save_file),
        "this is one part of several: name the index beside it",
        file="model-00001-of-00002.safetensors",
    ),
    # Layers made of others.
    "pruned": Refused(lambda: save(pruned().state_dict()), "of a network pruned: call torch.nn.utils.prune.remove"),
    "pruned, parallel": Refused(lambda: save(nn.DataParallel(pruned()).state_dict()), "of a network pruned: call"),
    "weight_norm": Refused(
        lambda: save(old_names(nn.utils.weight_norm)), "call torch.nn.utils.remove_weight_norm", "linear"
    ),
    "spectral_norm": Refused(
        lambda: save(old_names(nn.utils.spectral_norm)), "call torch.nn.utils.remove_spectral_norm", "linear"
    ),
    "parametrised weight_norm": Refused(
        lambda: save(old_names(parametrizations.weight_norm)),
        "under weight_norm: call .*remove_parametrizations",
        "linear",
    ),
    "parametrised": Refused(
        lambda: save(old_names(parametrizations.orthogonal)), "parametrised: call .*remove_parametrizations", "linear"
    ),
    "network under weight_norm": Refused(
        lambda: save(state(1, networks.linear)),
        "the network is under weight_norm and the checkpoint's is not",
        "weight_normalised",
    ),
    # Other kinds of numbers.
    "whole numbers": Refused(
        lambda: save(state() | {"conv.weight": torch.ones(6, 3, 3, 3, dtype=torch.int8)}),
        "  conv.weight: checkpoint [6, 3, 3, 3] of int8, network [6, 3, 3, 3]",
    ),
    "real for complex": Refused(
        lambda: save(state(1, networks.Complex) | {"phase": torch.ones(3)}),
        "phase: checkpoint [3] of float32",
        "Complex",
    ),
    "complex for real": Refused(
        lambda: save(state() | {"head.bias": torch.ones(4) * 1j}), "head.bias: checkpoint [4] of complex64, network [4]"
    ),
    "quantised": Refused(quantised, "the checkpoint is quantised: name the one of before the quantisation", "linear"),
    "quantised tensor": Refused(
        lambda: save(state() | {"head.weight": torch.quantize_per_tensor(torch.ones(4, 6), 0.1, 0, torch.qint8)}),
        "of qint8, network [4, 6]\n  the checkpoint is quantised",
    ),
    "tensors of another class": Refused(
        lambda: save(state() | {"head.bias": torch.ones(4).as_subclass(Parted)}),
        "  head.bias: checkpoint [4] of the class Parted, network [4]\n  save plain tensors (of DTensors, a full state",
        trust=True,
    ),
    "names of several lines": Refused(lambda: save(prefixed("a\nb", state())), "  checkpoint: a\\nbconv.weight, "),
    # No state dicts.
    "empty": Refused(lambda: save({}), "hold no state dict: save model.state_dict()"),
    "one tensor": Refused(lambda: save(torch.ones(2)), "hold no state dict"),
    "numbers for names": Refused(lambda: save({1: torch.ones(2)}), "hold no state dict"),
    "arrays": Refused(lambda: save({"conv.weight": np.ones(2)}), "hold no state dict"),
    "module": Refused(lambda: save(Classifier(1)), r"\(loading calls tests.helpers.checkpoint_networks.Classifier\)"),
    "TorchScript": Refused(script, "are a TorchScript archive .*: save torch.jit.load\\(file\\).state_dict"),
    "class that is gone": Refused(
        lambda: Path("w.pt").write_bytes(pickle.dumps(Classifier(1)).replace(b"Classifier", b"Classifiex")),
        "cannot be read|were saved with a class that is not there .*save model.state_dict()",
        trust=True,
    ),
    # Other files.
    "folder": Refused(lambda: Path("w.pt").mkdir(), "are a folder: name the file in it"),
    "HDF5": Refused(lambda: Path("w.pt").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)), "are an HDF5 file"),
    "gzip": Refused(lambda: gzip.open("w.pt", "wb").close(), "are a gzip file"),
    "GGUF": Refused(lambda: Path("w.pt").write_bytes(b"GGUF" + bytes(99)), "are a GGUF file"),
    "Git LFS": Refused(
        lambda: Path("w.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n"),
        "are a pointer of Git LFS",
        file="w.safetensors",
    ),
    "web page": Refused(lambda: Path("w.pt").write_text("<!DOCTYPE html>"), "are a web page"),
    "torch called safetensors": Refused(
        lambda: save(state(), "w.safetensors"),
        "were written by torch.save, not as safetensors: rename the file to .pt",
        file="w.safetensors",
    ),
    "NumPy": Refused(lambda: np.save("w.npy", np.ones(2)), "are a NumPy array", file="w.npy"),
    "exported program": Refused(
        lambda: torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.ones(1, 2),)), "w.pt2"),
        "cannot be read",
        file="w.pt2",
    ),
    "index without its parts": Refused(
        lambda: index_of({"conv.weight": "a.safetensors"}), "lack the part 'a.safetensors'", file="w.index.json"
    ),
    "index that leaves the folder": Refused(
        lambda: index_of({"conv.weight": "../a.safetensors"}),
        "names '../a.safetensors', which does not lie beside it",
        file="w.index.json",
    ),
    "index of itself": Refused(
        lambda: index_of({"conv.weight": "w.index.json"}), "names 'w.index.json', another index", file="w.index.json"
    ),
    "index of nothing": Refused(lambda: index_of([]), "has no weight_map", file="w.index.json"),
    "index that is no JSON": Refused(lambda: Path("w.index.json").write_text("{"), "are no index", file="w.index.json"),
    "index of another file": Refused(
        lambda: (save_file(state(), "a.safetensors"), index_of({"conv.weight": "a.safetensors", "x": "a.safetensors"})),
        "the part 'a.safetensors' lacks x, which the index names: replace both",
        file="w.index.json",
    ),
    "part with code": Refused(
        lambda: (save({"x": RunsACommand()}, "a.bin"), index_of({"x": "a.bin"})),
        "hold more than tensors",
        file="w.index.json",
    ),
    "not strict, nothing fits": Refused(
        lambda: save(state(1, networks.linear)), "no name is in both", choice=Choice(strict=False)
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, folder):
    row = REFUSED[name]
    row.write()
    with what_runs() as ran, pytest.raises(DataError) as caught:
        load_model(f"tests.helpers.checkpoint_networks:{row.network}", {}, row.file, row.trust, row.choice)
    words = str(caught.value)
    assert words.startswith(f"weights '{row.file}")
    assert row.message in words or re.search(row.message, words), words
    assert len(words.splitlines()) <= 10
    assert row.trust or ran == []
    assert not (folder / "marker").exists()


def test_parts_of_tensors_are_named(monkeypatch):
    # As long as nothing has imported the class.
    monkeypatch.setattr(torch._weights_only_unpickler, "_marked_safe_globals_set", set())
    torch.save({"conv.weight": Classifier}, "w.pt", _use_new_zipfile_serialization=False)
    content = Path("w.pt").read_bytes()
    name = b"tests.helpers.checkpoint_networks\nClassifier"
    assert name in content
    Path("w.pt").write_bytes(content.replace(name, b"torch.distributed.tensor\nDTensor"))
    with pytest.raises(DataError, match="hold DTensors, parts of tensors: save a full state dict"):
        load_model("tests.helpers.checkpoint_networks:Classifier", {}, "w.pt")
