"""Where the time of one job of each step goes.

    python -m tests.benchmarks.profile_steps --images FOLDER

A shard of up to 128 photographs, ResNet-18, one thread. Each step runs under cProfile as a program of its own, and does
what the workflow's script does; Snakemake's own time comes on top. Percent of the job's time, and what is left.
"""

import argparse
import cProfile
import pstats
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from saliency.methods.registered import method, methods
from tests.benchmarks.end_to_end import photographs, project
from tests.benchmarks.markdown import markdown
from tests.helpers.workflow_project import ROOT, Project

# The methods of a config that names none.
METHODS = [name for name, kind in methods().items() if kind.by_default]
STEPS = ["models", "prepare", "predict", "classes", *METHODS, "fused"]
# By the function whose time, with all that it calls, a part is; none of these calls another.
PARTS = {
    "imports": ("<frozen importlib._bootstrap>", "_find_and_load"),
    "decoding images": ("samples.py", "read_sample"),
    "forward pass": ("module.py", "_wrapped_call_impl"),
    "backward pass": ("~", "<method 'run_backward' of 'torch._C._EngineBase' objects>"),
    "reading shards": ("codec.py", "read_shard"),
    "writing shards": ("codec.py", "write_shard"),
}


def job(step: str) -> None:
    """Do what the workflow's script of a step does for shard 0, in the working directory."""
    from saliency.experiment.validation import complete_config
    from tests.helpers.shards import stored_shard

    config, _ = complete_config(Project(Path()).config, check=False)
    descriptions = [Path("model.json"), Path("target_layer.json")]
    if step == "models":
        from saliency.networks.describe import write_descriptions

        write_descriptions(config, "resnet18", dict(zip(("model", "target_layer"), descriptions, strict=True)))
        return
    shard = stored_shard(config, "resnet18", 0, Path("store"), descriptions)
    match step:
        case "prepare":
            from saliency.steps.prepare import prepare

            prepare(shard)
        case "predict":
            from saliency.steps.predict import predict_shard

            predict_shard(shard)
        case "classes":
            from saliency.steps.classes import choose_classes

            choose_classes(shard, "predicted")
        case "fused":
            from saliency.steps.fused import fused

            fused(shard)
        case _:
            from saliency.steps.explain import combine_shard, explain_shard

            (combine_shard if method(step).parts else explain_shard)(shard, step, "predicted")


def shares(profile: Path, step: str) -> dict[str, object]:
    """Seconds of a profile, and the share of each part in them."""
    stats = pstats.Stats(str(profile))
    row: dict[str, object] = {"step": step, "seconds": round(stats.total_tt, 1)}
    left = 1.0
    for part, (file, function) in PARTS.items():
        found = sum(
            times[3] for (path, _, name), times in stats.stats.items() if name == function and path.endswith(file)
        )
        row[part] = f"{found / stats.total_tt:.0%}"
        left -= found / stats.total_tt
    return {**row, "the rest": f"{left:.0%}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="folder with JPEG files")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        profile = cProfile.Profile()
        profile.runcall(job, arguments.step)
        profile.dump_stats(f"{arguments.step}.profile")
        return
    if not arguments.images:
        parser.error("--images is missing")
    with tempfile.TemporaryDirectory() as name:
        made = project(Path(name), photographs(arguments.images)[:128], threads=1, shard_size=128)
        rows = []
        for step in STEPS:
            command = [sys.executable, "-m", "tests.benchmarks.profile_steps", "--step", step]
            environment = {**made.environment(), "PYTHONPATH": str(ROOT)}
            subprocess.run(command, cwd=made.folder, env=environment, check=True)
            rows.append(shares(made.folder / f"{step}.profile", step))
    print(markdown(pd.DataFrame(rows[1:])))


if __name__ == "__main__":
    main()
