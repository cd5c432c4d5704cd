"""The keys at the top of a config."""

from functools import cache

from saliency.experiment.keys.audit import audit_key
from saliency.experiment.keys.inputs import INPUT
from saliency.experiment.keys.methods import keep_bits_key, method_settings_key, methods_key
from saliency.experiment.keys.models import MODELS
from saliency.experiment.keys.outputs import EXPORT, PLOTS, REPORT
from saliency.experiment.keys.sources import DIGITS, MADE_BY_RULES, PATCHES, TEXTURES
from saliency.registry.fits import NULL, choice, either, integer, list_of, name, number
from saliency.registry.key import Key

_TARGET = {
    "hint": "predicted, label, runner_up, a class index (0, 1, …), or {each: label}",
    **either(choice("predicted", "label", "runner_up"), integer(0), choice({"each": "label"})),
}

SUBJECT_KEYS = (
    Key(
        "experiment",
        "Name of letters, digits, `.`, `_` and `-`; everything is written to `results/EXPERIMENT`.",
        schema=name(r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z"),
        hint="a name of letters, digits, '.', '_' and '-'; results go to results/NAME",
    ),
    Key(
        "manifest",
        "Table of the samples: CSV, TSV, or a workbook (`.xlsx`).",
        schema={"type": "string", "minLength": 1},
        hint="path of a CSV, TSV or .xlsx file with the columns id and path",
    ),
    INPUT,
    MODELS,
    Key(
        "targets",
        "The classes to explain in each sample: `predicted`, `runner_up` (second highest score), `label` (the "
        "manifest's; samples without one get no map), or a class index such as `281` (stored as `class-281`). Where "
        "samples can be of several classes, `{each: label}` is one target for each class of the labels (`label-4`: the "
        "samples that have it).",
        ["predicted"],
        list_of(_TARGET, 1, unique=True),
        "a list of predicted, label, runner_up, class indices and {each: label}",
    ),
    Key(
        "region",
        "For models with one score per pixel or voxel, where a class's scores are summed up before they are explained: "
        "`predicted` (where the class has the highest score) or `mask` (the manifest's column `mask`).",
        "predicted",
        choice("predicted", "mask"),
    ),
)

COMPUTATION_KEYS = (
    Key(
        "shard_size",
        "Samples per file and job. Larger shards mean fewer jobs and files; memory follows `batch_size`, but for "
        "samples of less than 64 KiB (73 × 73 in colour), of which a job holds a whole shard. `auto` takes as many as "
        "make 128 MiB of input for the model that sees most of a sample: 222 photographs of 224 × 224, 16 volumes of "
        "128 × 128 × 128. It follows from the config alone, so that every machine lays out the same shards. `null` is "
        "256, or `auto` where 256 samples are more than 1 GiB of input.",
        None,
        either(NULL, {"const": "auto"}, integer(1)),
        "auto, a number of samples, at least 1, or null",
    ),
    Key(
        "batch_size",
        "Samples per forward pass. A batch that memory does not hold is halved and tried again, and the job's log says "
        "so; the last bits of results can depend on the size of a batch. `null` is 16, or where 16 samples have more "
        "than 16.8 million values, as many as have half of that: 4 volumes of 128 × 128 × 128, one of "
        "182 × 218 × 182.",
        None,
        either(NULL, integer(1)),
        "a number of samples, at least 1, or null",
    ),
    Key(
        "threads",
        "Cores per job: as many threads read ahead and compress while the network computes. It is also torch's number "
        "of threads; results can differ in the last bits between numbers of those, so this does not follow `--cores`.",
        1,
        integer(1),
        "a number of cores per job, at least 1",
    ),
    Key(
        "device",
        "`auto` takes CUDA where there is one; `cuda:1` names one of several cards. Jobs that run a network ask for a "
        "GPU with `cuda`, and with `auto` where this machine, on which they are planned, has one. GPUs are told to "
        "compute reproducibly; where torch cannot, the job's log warns.",
        "auto",
        either(choice("auto", "cpu", "cuda"), name(r"^cuda:[0-9]+\Z")),
        "auto, cpu, cuda, or cuda:NUMBER",
    ),
    Key("precision", "For computing and storing.", "float32", choice("float32", "float64")),
    Key(
        "reduced_precision",
        "Lets convolutions and matrix products of `float32` networks run with fewer digits: `bfloat16` or `float16` "
        "(torch's autocast), or `tf32` (NVIDIA GPUs). Maps are stored in float32 all the same. Faster where the "
        "processor has units for it, and different maps: [docs/speed.md](../docs/speed.md#reduced-precision) says how "
        "much. Training stays with `precision`, and so do the checks of the audit, but for `tf32`.",
        None,
        choice(None, "tf32", "bfloat16", "float16"),
    ),
    Key(
        "on_error",
        "What to do about samples that cannot be read, whose prediction is not finite, or whose label (if `label` is a "
        "target) is no class of the model. Either way they cost no other sample its result. `fail` ends the run, once "
        "all samples are known, with one line for each bad one. `skip` goes on, with NaN for them, and lists them in "
        "`errors.csv`. [docs/bad-inputs.md](../docs/bad-inputs.md) has every kind of bad input.",
        "fail",
        choice("fail", "skip"),
    ),
    Key(
        "max_failed",
        "With `on_error: skip`, how many samples of a model may fail before the run ends as with `fail`: a number of "
        "them (1, 2, …), or a share between 0 and 1.",
        None,
        either(NULL, integer(1), number(above=0, below=1)),
        "with on_error skip, a number of samples (1, 2, …), a share of them between 0 and 1, or null",
    ),
    Key(
        "execution",
        "`steps` runs each method as a job of its own, so that a changed setting runs only what depends on it. `fused` "
        "makes all arrays of a shard in one job from one forward pass: faster, but any change runs the whole job. Both "
        "write the same bytes.",
        "steps",
        choice("steps", "fused"),
    ),
)


@cache
def experiment_keys() -> tuple[Key, ...]:
    """All keys at the top of a config."""
    how = (methods_key(), method_settings_key(), keep_bits_key(), *COMPUTATION_KEYS)
    return (*SUBJECT_KEYS, *how, MADE_BY_RULES, PATCHES, DIGITS, TEXTURES, audit_key(), REPORT, EXPORT, PLOTS)
