"""Keys of ``models``: networks, and how they are trained."""

from saliency.files.network_files import PATTERN
from saliency.registry.fits import (
    BOOLEAN,
    MAPPING,
    NULL,
    OPTIONAL_MAPPING,
    TEXT,
    choice,
    either,
    integer,
    list_of,
    name,
    number,
)
from saliency.registry.key import Key, section

TRAIN_KEYS = (
    Key(
        "split",
        "The manifest's column that says which samples the model learns from.",
        "split",
        {"type": "string", "minLength": 1},
    ),
    Key("epochs", "Passes over these samples.", 20, integer(1)),
    Key("batch_size", "Samples per step of the optimiser.", 32, integer(1)),
    Key("learning_rate", "Learning rate of the optimiser, Adam.", 0.001, number(above=0)),
    Key(
        "seed",
        "For the order of the samples; the first weights come from the factory, with seed 0, or from `pretrained`.",
        0,
        integer(0),
    ),
    Key(
        "pretrained",
        "The checkpoint with which training starts, written as `weights` are; it may have another number of classes. "
        "`null` starts with what the factory returns.",
        None,
        {"type": ["string", "null"]},
        "path of the .safetensors or PyTorch checkpoint with which training starts, or null",
    ),
    Key(
        "freeze",
        "Names of modules (`layer1`, `features.0`) that stay as they are, with all that is in them.",
        [],
        list_of(TEXT, unique=True),
        "a list of module names such as layer1",
    ),
)

EXPECT_KEYS = (
    Key("accuracy", "Share of the labelled samples whose class is predicted.", schema=number(maximum=1, above=0)),
)

TOKEN_KEYS = (
    Key("grid", "Number of positions along each spatial axis.", schema=list_of(integer(1), 2, 3)),
    Key("prefix", "Tokens before those of the grid: class, distillation and register tokens.", 0, integer(0)),
)

MODEL_KEYS = (
    Key(
        "factory",
        "`package.module:callable` that returns a `torch.nn.Module`; also `package:Class.method`. A module beside the "
        "place where Snakemake runs is found too. `onnx:FILE` and `torchscript:FILE` are networks in a file with their "
        "weights ([docs/networks.md](../docs/networks.md#networks-in-a-file)).",
        schema=name(rf"^({PATTERN}|[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*)\Z"),
        hint="package.module:callable, onnx:FILE or torchscript:FILE",
    ),
    Key("kwargs", "The factory's keyword arguments.", {}, MAPPING),
    Key(
        "code",
        "What the version of the factory's code is, so that results are made again when it changes. `null` takes the "
        "source of its module and of your own modules that this imports, or the version of its package. A text counts "
        "instead: change it when results should be made again. With `''`, no change of code does that "
        "([more](../README.md#when-code-changes)).",
        None,
        {"type": ["string", "null"]},
        "a text that you change when results should be made again, or null",
    ),
    Key(
        "weights",
        "`.safetensors`, a checkpoint that `torch.load(weights_only=True)` reads, or the index of one in parts "
        "(`model.safetensors.index.json`); `package://…` works too. The state dict in it that fits the network is "
        "found, and so is a prefix of its names, see [docs/checkpoints.md](../docs/checkpoints.md). `null` keeps what "
        "the factory returns (it runs with seed 0).",
        None,
        {"type": ["string", "null"]},
        "path of a .safetensors or PyTorch checkpoint, or null",
    ),
    Key(
        "weights_key",
        "Where the state dict lies in the checkpoint, with dots between keys (`ema.module`); `null` finds it. Needed "
        "where several fit. With `train` it is about `pretrained`, and so are the next two keys.",
        None,
        either(NULL, TEXT),
        "keys that lead to the state dict in the checkpoint, such as model or ema.module, or null",
    ),
    Key(
        "weights_prefix",
        "What is removed from the names in it (`teacher.backbone`); `null` finds it. Needed where several fit.",
        None,
        either(NULL, TEXT),
        "the beginning of names in the checkpoint, such as teacher.backbone, or null",
    ),
    Key(
        "weights_strict",
        "`false` loads what fits. **The rest stays as the factory made it, mostly random**; logs and `model.json` "
        "(`weights_left`) name it.",
        True,
        BOOLEAN,
    ),
    Key(
        "train",
        "In place of `weights`: how they are made from the manifest's labels.",
        None,
        OPTIONAL_MAPPING,
        "how the weights are made from the manifest's labels; a mapping, or null",
        TRAIN_KEYS,
    ),
    Key(
        "trust_checkpoint",
        "`true` also loads checkpoints that hold more than tensors (`weights_only=False`), and TorchScript. **Loading "
        "such a file runs any code that is in it**: set this only for files that you or people you trust made.",
        False,
        BOOLEAN,
    ),
    Key(
        "target_layer",
        "Layer whose feature map is explained (Grad-CAM): a module name (`layer4.1`), an index into the convolutional "
        "section, or `null` for the last feature map before global pooling. Maps of channels, positions with their "
        "channels last, and the tokens of transformers are feature maps. Maps of a list of layers, `[layer3, layer4]`, "
        "are averaged on the finest of their grids, each divided by its largest absolute value.",
        None,
        either({"type": ["string", "integer", "null"]}, list_of({"type": ["string", "integer"]}, 1, unique=True)),
        "a module name such as layer4.1, an index into the convolutional section, a list of these, or null",
    ),
    Key(
        "tokens",
        "Of a transformer, how its tokens lie in the input; `null` finds out, and asks for it where it cannot. "
        "The grid is in the axes that the network sees (`input.orientation`), while maps are stored in RAS order.",
        None,
        OPTIONAL_MAPPING,
        "how the tokens lie in the input, such as {grid: [14, 14], prefix: 1}, or null",
        TOKEN_KEYS,
    ),
    Key(
        "section_names",
        "Names of the convolutional and of the fully connected section; `null` detects them, and does without where "
        "there are none.",
        None,
        either(NULL, list_of(TEXT, 2, 2)),
        "the names of the convolutional and of the fully connected section, or null",
    ),
    Key(
        "class_names",
        "List of names, or a file with one name per line. Where they are missing and the manifest's labels are names, "
        "these are taken in alphabetical order.",
        None,
        either(NULL, TEXT, list_of(TEXT)),
        "a list of names, the path of a file with one name per line, or null",
    ),
    Key(
        "expect",
        "What is known of the model. A run stops at its start where the accuracy on up to 64 labelled samples is far "
        "below it (less than a chance of one in a thousand), and names the usual causes under whose opposite it is as "
        "expected.",
        None,
        OPTIONAL_MAPPING,
        "what is known of the model, such as {accuracy: 0.9}, or null",
        EXPECT_KEYS,
    ),
    Key("ignore_lastlayer", "Take scores before the last softmax or sigmoid.", False, BOOLEAN),
    Key(
        "allow_random",
        "`true` goes on with a network that computes something else each time (dropout that stays on in eval mode). "
        "Its predictions and maps are those of one draw, which `batch_size` and `shard_size` decide.",
        False,
        BOOLEAN,
    ),
    Key(
        "output",
        "Which of the network's outputs are the scores, where it returns several: an index (`1`), a key or an "
        "attribute (`logits`), with dots for what lies deeper (`heads.0`). `null` takes the only tensor, or what is "
        "called `logits` or `out`.",
        None,
        {"type": ["string", "integer", "null"]},
        "an index, a key or the name of an attribute such as logits, or null",
    ),
    Key(
        "outputs",
        "What the scores are: `logits`, before a softmax or sigmoid, or `probabilities`. A network with one score per "
        "sample has two classes: of a logit s, class 1 has the score s and class 0 has -s; of a probability p, class 1 "
        "has p and class 0 has 1 - p. With `multilabel`, a sample can be of several classes: the scores are logits, "
        "and the sigmoid of each is the probability of its class ([more](#several-classes-per-sample)). With "
        "`regression`, they are real values ([more](#real-values)).",
        "logits",
        choice("logits", "probabilities", "multilabel", "regression"),
    ),
    Key(
        "threshold",
        "With `outputs: multilabel`: a class is predicted where its probability is above it.",
        0.5,
        number(above=0, below=1),
    ),
    Key(
        "input",
        "Keys of the experiment's `input` that are different for this model; all but `mode`.",
        {},
        MAPPING,
        "keys of the experiment's input that are different for this model",
    ),
)

MODELS = Key(
    "models",
    "Networks by name, side by side.",
    schema={
        "type": "object",
        "minProperties": 1,
        "propertyNames": {
            "hint": "a model name of letters, digits, '_' and '-'",
            **name(r"^[A-Za-z0-9][A-Za-z0-9_-]*\Z"),
        },
        "additionalProperties": {"hint": "the settings of a model, factory among them", **section(MODEL_KEYS)},
    },
    hint="a mapping from model names to their settings",
)
