r"""Degradation sweep: which predictions change when pictures get worse, and to which class they go.

Of the pictures that the network puts elsewhere than into class :math:`c`, :math:`a` go to :math:`c`; of the other
classes, the one that gains most gains :math:`b`. The p-value is :math:`P(X \ge a)` of :math:`X \sim \mathrm{Bin}(a + b,
1/2)`: that of a sign test against that class, which is the strongest one and so makes the test cautious.
"""

import logging

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from saliency.audit.checks.check import CheckJob
from saliency.audit.degradations.registered import degradations
from saliency.audit.groups import holm
from saliency.audit.pictures import LEAST_EFFECT, Picture, Step, draw_steps, strongest, write_pictures
from saliency.audit.probes.checked_samples import CheckedSamples
from saliency.audit.probes.predictions import Predictions
from saliency.audit.probes.transfer_table import mcnemar
from saliency.experiment.descriptions import read_descriptions
from saliency.figures.files import save_figure
from saliency.files.atomic_files import write_atomically
from saliency.files.spreadsheet import csv_bytes

log = logging.getLogger(__name__)
COLUMNS = (
    *(
        "degradation",
        "level",
        "words",
        "samples",
        "class",
        "targets",
        "turned",
        "runner_up",
        "p",
        "p_adjusted",
        "effect",
    ),
    *("own", "recall_before", "recall_after", "already", "target"),
)


def degradation_table(predictions: Predictions, count: int, seed: int) -> tuple[pd.DataFrame, dict[int, list[Picture]]]:
    """Sweep over some of the audited samples.

    Parameters
    ----------
    predictions
        Of the audited samples.
    count
        Number of samples, drawn at random.
    seed
        Of the drawing.

    Returns
    -------
    table
        One row per degradation, level and class: ``samples`` (all of them), ``targets`` (those that were put
        elsewhere), ``turned`` (of the targets, into the class), ``runner_up`` (what the class gains that gains most
        beside it), ``p``, ``p_adjusted`` over the whole table, ``effect`` (the difference of the two as a share of the
        targets), ``own`` (samples of the class by label, else by prediction) with their recall before and after,
        ``already`` (how often the change is smaller, as a mean square, in one of them than in another sample: 0.5 where
        nothing differs, near 1 where the class has the defect already), and ``target``, the id of a sample that turns.
    pictures
        By row of the table, of those with a strong effect: that sample, and what became of it.
    """
    table = predictions.table
    if table.empty:
        return pd.DataFrame(columns=list(COLUMNS)), {}
    numbers = np.sort(np.random.default_rng(seed).permutation(len(table))[:count])
    predictions.load(numbers)
    x, before = predictions.pictures(numbers), table["predicted"].to_numpy()[numbers]
    label = np.where(table["label"] < 0, table["predicted"], table["label"])[numbers]
    ids = table["id"].to_numpy()[numbers]
    rows: list[dict[str, object]] = []
    pictures: dict[int, list[Picture]] = {}
    for one in degradations().values():
        if not one.applies(x.shape[1:]):
            continue
        for level in one.levels:
            changed = one.change(x, level)
            after = predictions.classes_of(changed)
            distance = np.square(changed - x).reshape(len(x), -1).mean(axis=1)
            # -1 is no class, which a sample can be of where it can be of several.
            names = [int(name) for name in np.union1d(after, before) if name >= 0]
            gains = {name: int(((after == name) & (before != name)).sum()) for name in names}
            for name, turned in gains.items():
                elsewhere, own = before != name, label == name
                runner_up = max((gain for other, gain in gains.items() if other != name), default=0)
                moved = elsewhere & (after == name)
                effect, words = (turned - runner_up) / max(1, elsewhere.sum()), one.words.format(f"{level:g}")
                if effect >= LEAST_EFFECT:
                    shown = int(np.argmax(moved))
                    steps = [
                        Step("as it is", before[shown], ids[shown], x[shown]),
                        Step(words, name, ids[shown], changed[shown]),
                    ]
                    pictures[len(rows)] = draw_steps(steps, before=0, after=1)
                rows.append(
                    {
                        "degradation": one.name,
                        "level": level,
                        "words": words,
                        "samples": len(x),
                        "class": name,
                        "targets": int(elsewhere.sum()),
                        "turned": turned,
                        "runner_up": runner_up,
                        "p": mcnemar(turned, runner_up),
                        "effect": effect,
                        "own": int(own.sum()),
                        "recall_before": (before[own] == name).mean() if own.any() else np.nan,
                        "recall_after": (after[own] == name).mean() if own.any() else np.nan,
                        "already": _smaller(distance[own], distance[~own]),
                        "target": ids[moved][0] if moved.any() else "",
                    }
                )
    found = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "p_adjusted"])
    found["p_adjusted"] = holm(found["p"].to_numpy(dtype=float))
    return found[list(COLUMNS)], {row: pictures[row] for row in strongest(found["effect"])}


def _smaller(inside: np.ndarray, outside: np.ndarray) -> float:
    """Probability that a value of the first is smaller than one of the second; ties count half."""
    if not (len(inside) and len(outside)):
        return np.nan
    return float(stats.mannwhitneyu(outside, inside).statistic / (len(inside) * len(outside)))


def degradation_figure(table: pd.DataFrame, heading: str) -> Figure:
    """Share of the samples whose prediction changes, for each degradation and level.

    Parameters
    ----------
    table
        Of `degradation_table`.
    heading
        Stands above.
    """
    if table.empty:
        figure = Figure(figsize=(7, 1.2), layout="constrained", dpi=110)
        figure.suptitle("No sample has a predicted class.", fontsize=10)
        return figure
    groups = table.groupby(["degradation", "level"], sort=False)
    changed = groups["turned"].sum()
    total = groups["samples"].first()
    strongest = table.loc[groups["turned"].idxmax()]
    figure = Figure(figsize=(8, 0.8 + 0.28 * len(changed)), layout="constrained", dpi=110)
    figure.suptitle(heading, fontsize=11, parse_math=False)
    axes = figure.subplots()
    places = np.arange(len(changed))
    axes.barh(places, changed / total, color="0.75", label="to any class")
    axes.barh(places, strongest["turned"].to_numpy() / total, height=0.4, label="to the class that gains most")
    axes.set_yticks(places, list(strongest["words"]), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of samples whose prediction changes")
    axes.legend(fontsize=8, loc="lower right")
    return figure


def write_degradation(job: CheckJob) -> None:
    """Write a model's degradation sweep, its figure and its pictures."""
    pictures: dict[int, list[Picture]] = {}
    if read_descriptions(job.descriptions)["dense"]:
        log.info("degradation: models.%s has a score per pixel or voxel: nothing is tested", job.model)
        found = pd.DataFrame(columns=list(COLUMNS))
    else:
        samples = CheckedSamples(job, "degradation")
        found, pictures = degradation_table(Predictions(samples), samples.settings["samples"], samples.seed())
    # P-values may be small.
    write_atomically(job.outputs["table"], csv_bytes(found, "%.6g"))
    write_pictures(job.outputs["pictures"], pictures)
    save_figure(degradation_figure(found, f"{job.model}: pictures that get worse"), job.outputs["figure"])
