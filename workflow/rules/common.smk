import psutil

from saliency.audit.checks.registered import checks
from saliency.audit.facts.registered import fact_versions
from saliency.audit.findings.registered import finding_versions
from saliency.experiment.arrays import ID_FILES, chunk_key, stored_array
from saliency.experiment.cautions import manifest_cautions
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.resources import gpus, memory_cautions, memory_mb, minutes
from saliency.experiment.selection import Selection
from saliency.experiment.sources import Sources
from saliency.files.file_names import file_name
from saliency.methods.registered import method
from saliency.report.asset_files import ASSETS, assets_fingerprint
from saliency.store.leftovers import leftover_cautions

PLAN = Plan(config)
# Names of classes that the labels have, for all that is told which class is which by the config.
config = PLAN.config
if workflow.is_main_process:
    machine_mb = psutil.virtual_memory().total / 1e6
    said = manifest_cautions(PLAN) + memory_cautions(PLAN, machine_mb)
    for caution in not_told(said + leftover_cautions(PLAN, Path(placed(RESULTS)))):
        logger.warning(caution)

SELECTION = Selection(PLAN)
SOURCES = Sources(PLAN)
DIGESTS = Digests(PLAN, assets_fingerprint(), finding_versions(), fact_versions())
MODEL = f"{RESULTS}/{{model}}/model.json"
WEIGHTS = f"{RESULTS}/{{model}}/weights.safetensors"
TRAINING = f"{RESULTS}/{{model}}/training.csv"
TARGET_LAYER = f"{RESULTS}/{{model}}/target_layer.json"


def with_layer(names):
    """Those of some methods, or of what they are made from, that use the target layer."""
    return [
        name
        for name in names
        if "features" in method(name).needs or with_layer(method(name).parts)
    ]


# What describes a model; there is no target layer where no method uses one.
DESCRIPTIONS = [MODEL, TARGET_LAYER] if with_layer(PLAN.methods) else [MODEL]
FIGURES = f"{RESULTS}/{{model}}/figures/{{target}}"
SAMPLE_FIGURES = [
    f"{FIGURES}/samples/{file_name(sample)}.png" for sample in SELECTION.chosen["id"]
]
MONTAGES = [
    f"{FIGURES}/montages/{file_name(sample)}.png"
    for sample in SELECTION.chosen["id"]
    if PLAN.ndim == 3
]
MEASURES = f"{RESULTS}/{{model}}/audit/measures/{{shard}}.parquet"
GRIDS = f"{RESULTS}/{{model}}/audit/measures/{{shard}}.npz"
AUDIT = {
    name: f"{RESULTS}/{{model}}/audit/{{target}}/{file}"
    for name, file in {
        "findings_json": "findings.json",
        "findings_md": "findings.md",
        "evidence": "evidence.json",
        "distributions": "distributions.csv",
        "groups": "groups.csv",
        "maps": "group_maps.csv",
        "clusters": "clusters.csv",
        "performance": "performance.csv",
        "confusion": "confusion.csv",
        "calibration": "calibration.csv",
        # Of each class against the samples without it, where a sample can be of several.
        **(
            {"discrimination": "discrimination.csv"}
            if PLAN.labels_are == "classes"
            else {}
        ),
    }.items()
}
MEAN_MAPS = f"{RESULTS}/{{model}}/audit/{{target}}/mean_maps.zarr"
MEAN_MAP_GROUP = f"{MEAN_MAPS}/zarr.json"
MEAN_MAP_FILES = [
    f"{MEAN_MAPS}/{name}"
    for name in [
        "id/zarr.json",
        "id/c.0",
        "mean/zarr.json",
        chunk_key("mean", 0, PLAN.ndim),
    ]
]
# Of the files alone: facts of each shard, and what they give away. Hashes of volumes would tell nothing.
FACTS = f"{RESULTS}/facts/{{shard}}.parquet"
FACTS_TEST = f"{RESULTS}/{{model}}/audit/facts_test.csv"
DUPLICATES = f"{RESULTS}/duplicates.csv"
LEAKAGE = [f"{RESULTS}/facts.csv", *([DUPLICATES] if PLAN.ndim == 2 else [])]
EXPORTS = {
    method: f"{RESULTS}/{{model}}/nifti/{{target}}/{{sample}}/{method}.nii.gz"
    for method in PLAN.methods
}

PREPARED = [name for name in PLAN.arrays if stored_array(name).step == "prepare"]
CONTACT_SHEETS = {
    selection: f"{FIGURES}/contact-sheet_{selection}.png"
    for selection in config["plots"]["contact_sheets"]
}

# Files of the checks that run the model again, of those that the config asks for, by check and by what they are.
CHECKS = {
    name: {
        output: f"{RESULTS}/{{model}}/audit/{'{target}/' if check.per_target else ''}{file}"
        for output, file in check.files().items()
    }
    for name, check in checks().items()
    if (config["audit"] or {}).get(name) is not None
}

# What checks have drawn of what they did.
SHOWN = {
    name: files["pictures"] for name, files in CHECKS.items() if "pictures" in files
}

# Tables of checks, and of the files alone, that findings read.
EVIDENCE = {
    **{
        name: files[checks()[name].evidence]
        for name, files in CHECKS.items()
        if checks()[name].evidence
    },
    "facts_test": FACTS_TEST,
    **({"duplicates": DUPLICATES} if PLAN.ndim == 2 else {}),
}

# Tables of which the page draws plots, of each model and target; predictions do not depend on what is explained.
PLOTTED = {
    **{
        name: expand(AUDIT[name], model=PLAN.models, target=PLAN.targets[:1])
        for name in ("performance", "confusion", "calibration")
    },
    **{
        f"{name}_{output}": expand(path, model=PLAN.models, target=PLAN.targets)
        for name, files in CHECKS.items()
        for output, path in files.items()
        if output in checks()[name].tables
    },
}

# The page, and what lies beside it: pictures of each shard, data of each model.
REPORT = f"{RESULTS}/report"
LAYERS = [
    "inputs",
    *(f"{target}/{name}" for target in PLAN.targets for name in PLAN.methods),
]
PICTURES = [f"{REPORT}/data/{{model}}/{name}/{{shard}}.js" for name in LAYERS]
VOLUMES = [
    f"{REPORT}/data/{{model}}/volumes/{name}/{{shard}}.js"
    for name in LAYERS
    if PLAN.ndim == 3
]
# Masks, of which the page draws the outlines.
OUTLINES = (
    [f"{REPORT}/data/{{model}}/{'volumes/' if PLAN.ndim == 3 else ''}mask/{{shard}}.js"]
    if PLAN.mask_column
    else []
)
MODEL_DATA = {
    "predictions": [f"{REPORT}/data/{{model}}/predictions.js"],
    **{
        kind: [f"{REPORT}/data/{{model}}/{target}/{kind}.js" for target in PLAN.targets]
        for kind in ("measures", "nearest", "classes")
    },
}
PAGE = f"{REPORT}/index.html"
PAGE_FILES = [
    f"{REPORT}/data/samples.js",
    *(f"{REPORT}/data/{model}/tables.js" for model in PLAN.models),
    *(f"{REPORT}/assets/{name}" for name in ASSETS),
]


wildcard_constraints:
    model="|".join(PLAN.models),
    target="|".join(PLAN.targets),
    shard=r"\d+",
    sample="[A-Za-z0-9][A-Za-z0-9._-]*",


def shard(array):
    """Path of an array's shard files, with the wildcards {model} and {shard}, and {target} if `array` has it."""
    return f"{RESULTS}/{{model}}.zarr/{PLAN.shard_key(array, '{shard}')}"


def of_target(name):
    """Path of the shard files of an array by its name, with the wildcard {target} if there is one for each."""
    return shard(f"{{target}}/{name}" if stored_array(name).per_target else name)


def of_all_targets(names):
    """Paths of the shard files of some arrays by name, for all targets."""
    return {
        name: (
            [shard(f"{target}/{name}") for target in PLAN.targets]
            if stored_array(name).per_target
            else shard(name)
        )
        for name in names
    }


# A job parses this file as well, and knows which files it makes.
WANTED_SHARDS = PLAN.shards if workflow.is_main_process else []


def all_shards():
    """Every shard of every array: one that is not asked for here would not be missed when it is gone."""
    return [
        f"{RESULTS}/{model}.zarr/{PLAN.shard_key(array, number)}"
        for array in PLAN.arrays
        for model in PLAN.models
        for number in WANTED_SHARDS
    ]


def named(paths):
    """Files where the config or the manifest says that they are, whatever prefix a module has."""
    return [local(path) for path in paths]


def made_sources():
    """What the maps are made from, if rules make it; it would not be missed either."""
    patches = named(SOURCES.patch_files) if config["patches"] else []
    demo = named(SOURCES.demo_files) if config["digits"] or config["textures"] else []
    trained = [name for name in PLAN.models if config["models"][name]["train"]]
    return patches + demo + expand([WEIGHTS, TRAINING], model=trained)


# Samples and weights that rules make are read by their path, as those that were there before.
if workflow.storage_settings.default_storage_provider and made_sources():
    raise WorkflowError(
        "patches, digits, textures and train work on a file system only: leave out --default-storage-provider"
    )


def every_shard(path):
    """Input function: a file of every shard."""
    return lambda wildcards: expand(path, shard=PLAN.shards, **wildcards)


def made_masks(wildcards):
    """Input function: masks of a shard's samples that rules make."""
    return named(SOURCES.made_masks(int(wildcards.shard)))


def evidence_of_checks(name):
    """Input function: a check's table. It is about the model, so that the findings of one target tell of it."""
    return lambda wildcards: (
        expand(EVIDENCE[name], **wildcards)
        if wildcards.target == PLAN.targets[0]
        else []
    )


def audit_files():
    """What the audit leaves: tables and findings, and what they are made of."""
    if not PLAN.audited:
        return []
    files = [*AUDIT.values(), MEAN_MAP_GROUP, *MEAN_MAP_FILES]
    tables = [f"{RESULTS}/{{model}}/metrics.{kind}" for kind in ("csv", "parquet")]
    return [
        *expand([MEASURES, GRIDS], model=PLAN.models, shard=WANTED_SHARDS),
        *expand(tables, model=PLAN.models),
        *expand(FACTS, shard=WANTED_SHARDS),
        *expand(FACTS_TEST, model=PLAN.models),
        *LEAKAGE,
        *expand(files, model=PLAN.models, target=PLAN.targets),
    ]


def report_files():
    """The page, and everything that it loads."""
    if not PLAN.reported:
        return []
    return [
        PAGE,
        *PAGE_FILES,
        *expand(sum(MODEL_DATA.values(), []), model=PLAN.models),
        *expand(PICTURES + VOLUMES + OUTLINES, model=PLAN.models, shard=WANTED_SHARDS),
    ]


def shards_of_rows(names, rows):
    """Input functions by array: the shards that hold some rows."""
    numbers = PLAN.shards_of(rows)

    def of_array(name):
        return lambda wildcards: expand(of_target(name), shard=numbers, **wildcards)

    return {name: of_array(name) for name in names}


def made_masks_of_rows(rows):
    """Masks of some rows that rules make."""
    numbers = PLAN.shards_of(rows)
    return named(name for number in numbers for name in SOURCES.made_masks(number))


# What a figure or an exported file shows.
DRAWN = [
    *(name for name in PREPARED if name not in ("status", "region")),
    "class",
    *PLAN.methods,
]


def shard_of_file(sample):
    """Number of the shard that holds a sample, by the name of its files."""
    return PLAN.shard_of[PLAN.sample_of_file[sample]]


def shard_of_sample(name):
    """Input function: the shard of an array that holds a sample."""

    def of_job(wildcards):
        number, model = shard_of_file(wildcards.sample), wildcards.model
        return expand(
            of_target(name), shard=number, model=model, target=wildcards.target
        )

    return of_job


def export_digest(wildcards):
    """Params function: an exported map also depends on the grid of the original file."""
    return DIGESTS.of("prepare", wildcards.model, shard_of_file(wildcards.sample))


def made_files(wildcards):
    """Input function: files of a shard's samples that other rules make, and the manifest."""
    # Facts are those of the files, and models share them.
    model = wildcards.get("model", PLAN.models[0])
    made = SOURCES.made_files(model, int(wildcards.shard))
    return named([*made, *SOURCES.made_manifest])


def made_weights(wildcards):
    """Input function: the weights of a model, if a rule makes them."""
    return named(SOURCES.made_weights(wildcards.model))


def made_model(wildcards):
    """Input function: what a model is described from, if rules make it."""
    return [*made_weights(wildcards), *named(SOURCES.made_manifest)]


def made_pretrained(wildcards):
    """Input function: the weights with which training starts, if another rule makes them."""
    return named(SOURCES.made_pretrained(wildcards.model))


def training_shards(wildcards):
    """Input function: the prepared samples that a model learns from or is tested on."""
    shards = PLAN.labelled_shards(wildcards.model)
    return expand(of_target("inputs"), shard=shards, model=wildcards.model)


def step_digest(step):
    """Params function: what decides whether a job is out of date."""

    def of_job(wildcards):
        number = int(wildcards.shard) if "shard" in wildcards.keys() else None
        return DIGESTS.of(step, wildcards.get("model"), number, wildcards.get("target"))

    return of_job


def memory(step):
    """Resources function: MB for a job of a step, more with each attempt."""
    return lambda wildcards, attempt: attempt * memory_mb(
        PLAN, step, wildcards.get("model", PLAN.models[0])
    )


def runtime(step):
    """Resources function: minutes for a job of a step, more with each attempt."""
    return lambda wildcards, attempt: attempt * minutes(
        PLAN, step, wildcards.get("model", PLAN.models[0])
    )


REGION = {"region": shard("region")} if "region" in PLAN.arrays else {}
# GPUs of a job that runs a network.
GPUS = gpus(config)
