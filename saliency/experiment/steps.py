"""The steps of the workflow, each under the name of its rule: its version, and what a job of it needs.

The constants are bounds, rounded up, on what ``pytest -m slow tests/experiment/test_resources.py -s -n 0`` and
``python -m tests.benchmarks.resources`` measure.
Methods are steps too, and so are the checks of the audit, with the cost that their classes state.
"""

from dataclasses import dataclass
from typing import Literal

from saliency.experiment.checks import checks
from saliency.methods.registered import methods


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes
    ----------
    name
        Of its rule.
    version
        Raise it when a change to its code changes its results: they are then made again. Methods, readers, measures and
        findings have versions of their own.
    shard_copies
        Copies of each sample that a job holds at a time, of those at hand. What is computed of them and waits to be
        encoded and written counts as well.
    copies_per_target
        Further ones for each target; of ``fused`` for each of its maps on the input's grid.
    copies_per_method
        Further ones for each method; of figures, which show all maps at the input's size.
    at_hand
        Which samples are: two batches of the shard, one that is worked on and one that is read ahead; the whole shard;
        or one sample.
    batch_copies
        What a forward pass keeps, as a multiple of its batch; 0 where no network is built.
    seconds
        Core seconds for a million input values; of ``fused`` for each target, of ``train`` for each epoch, of a
        check each time that it runs the network.
    whole_manifest
        Whether a job makes a table or findings of all samples.
    torch
        Whether torch is imported, also where no network is built.
    draws
        Whether figures are drawn.
    """

    name: str
    version: int = 1
    shard_copies: int = 0
    copies_per_target: int = 0
    copies_per_method: int = 0
    at_hand: Literal["batches", "shard", "sample"] = "batches"
    batch_copies: int = 0
    seconds: float = 0
    whole_manifest: bool = False
    torch: bool = True
    draws: bool = False


STEPS = {
    step.name: step
    for step in (
        Step("cut_patches", torch=False),
        Step("plant_watermarks"),
        Step("plant_logos", torch=False),
        Step("inspect_model", batch_copies=300),
        Step("find_target_layer", version=2, batch_copies=300),
        Step("zarr_metadata", version=2),
        Step("train", shard_copies=3, at_hand="shard", batch_copies=300, seconds=10),
        Step("prepare", shard_copies=3, seconds=5, torch=False),
        Step("predict", version=3, shard_copies=3, batch_copies=150, seconds=10),
        Step("target_class", torch=False),
        Step("fused", shard_copies=4, copies_per_target=3, batch_copies=300, seconds=30),
        Step("predictions", whole_manifest=True, torch=False),
        Step("errors"),
        Step("provenance"),
        Step("plot", shard_copies=6, copies_per_method=2, at_hand="sample", torch=False, draws=True),
        Step("contact_sheets", shard_copies=6, copies_per_method=2, at_hand="sample", torch=False, draws=True),
        Step("export", shard_copies=6, copies_per_method=1, at_hand="sample", torch=False),
        Step("measure", shard_copies=3, copies_per_target=2, seconds=1),
        Step("facts", shard_copies=4, at_hand="sample", torch=False),
        Step("facts_table", whole_manifest=True, torch=False),
        Step("facts_test", whole_manifest=True, torch=False),
        Step("duplicates", whole_manifest=True, torch=False),
        Step("metrics", whole_manifest=True, torch=False),
        Step("audit", version=3, whole_manifest=True, torch=False),
        Step("findings", whole_manifest=True, torch=False),
        Step("mean_maps", shard_copies=4, at_hand="sample", whole_manifest=True, torch=False),
        Step("sprites", shard_copies=8, at_hand="sample", seconds=2, torch=False),
        Step("outlines", shard_copies=8, at_hand="sample", seconds=2, torch=False),
        Step("model_data", version=3, whole_manifest=True, torch=False),
        Step("report_page", version=2),
    )
}


def step(name: str) -> Step:
    """A step by its name; methods and checks are among them.

    Raises
    ------
    ValueError
        If there is none of that name.

    Examples
    --------
    >>> step("predict").version, step("predict").batch_copies
    (3, 150)
    """
    if name in STEPS:
        return STEPS[name]
    if name not in (others := [*methods(), *checks()]):
        raise ValueError(f"there is no step '{name}': choose from {', '.join([*STEPS, *others])}")
    kind = methods()[name] if name in methods() else checks()[name]
    cost = kind.cost
    return Step(
        name,
        kind.version,
        cost.shard_copies,
        at_hand="shard" if name in checks() else "batches",
        batch_copies=cost.batch_copies,
        seconds=cost.seconds,
    )
