"""Memory and time that the jobs of a run ask for, and what they use, by rule.

    python -m tests.benchmarks.resources --configfile config/shortcut.yaml

One job at a time. Its memory is the largest that the kernel saw of its script, and twice that of the Snakemake that
started it: on a cluster, two of those are around each script. Rules that run where Snakemake runs ask for nothing, and
are left out.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import yaml

from saliency.experiment.plan import Plan
from saliency.experiment.resources import memory_mb, minutes
from saliency.experiment.validation import complete_config
from tests.benchmarks.markdown import markdown
from tests.helpers.workflow_project import ROOT

SCRIPT = re.compile(r"\.snakemake/scripts/tmp\w+\.\w+\.py")
FINISHED = re.compile(r"Finished jobid: \d+ \(Rule: (\w+)\)")
# These ask for nothing: they run where Snakemake runs.
LOCAL = ("zarr_metadata", "errors", "provenance", "report_page")


def peak_mb(process: psutil.Process) -> float:
    """Largest memory that the kernel saw of a process; 0 if it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0


def watched(command: list[str], folder: Path) -> tuple[str, list[dict[str, float]], float]:
    """Run Snakemake; what it printed, each script's memory and seconds in order, and its own memory."""
    with tempfile.TemporaryFile("w+") as output:
        process = psutil.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=dict(os.environ))
        scripts: dict[int, dict[str, float]] = {}
        around = 0.0
        while process.poll() is None:
            around = max(around, peak_mb(process))
            with suppress(psutil.Error):
                for child in process.children(recursive=True):
                    with suppress(psutil.Error):
                        # What a script starts may look like it for a moment.
                        is_script = any(SCRIPT.search(word) for word in child.cmdline()[1:2])
                        if child.pid in scripts or (is_script and child.ppid() not in scripts):
                            of = scripts.setdefault(child.pid, {"began": child.create_time(), "mb": 0})
                            of["mb"] = max(of["mb"], peak_mb(child))
                            of["ended"] = time.time()
            time.sleep(0.01)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise SystemExit(text[-5000:])
    return text, list(scripts.values()), around


def by_rule(names: list[str], plan: Plan, scripts: list[dict[str, float]], around: float) -> pd.DataFrame:
    """One row for each rule, of its job that used most."""
    if len(names) != len(scripts):
        raise SystemExit(f"{len(names)} jobs ended, and {len(scripts)} scripts were seen")
    jobs = [
        {
            "rule": name,
            "asked MB": max(memory_mb(plan, name, model) for model in plan.models),
            "used MB": round(script["mb"] + 2 * around),
            "asked min": max(minutes(plan, name, model) for model in plan.models),
            "used s": round(script["ended"] - script["began"], 1),
        }
        for name, script in zip(names, scripts, strict=True)
        if name not in LOCAL
    ]
    table = pd.DataFrame(jobs).groupby("rule", sort=False).max().reset_index()
    table.insert(3, "share", (table["used MB"] / table["asked MB"]).map("{:.0%}".format))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configfile", type=Path, required=True)
    parser.add_argument(
        "--directory", type=Path, default=ROOT, help="of the run, to which the config's paths are relative"
    )
    parser.add_argument("options", nargs="*", help="further ones of Snakemake, after --")
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1", "--nocolor"]
    command += ["--configfile", str(arguments.configfile), *arguments.options]
    text, scripts, around = watched(command, arguments.directory)
    os.chdir(arguments.directory)
    config, problems = complete_config(yaml.safe_load(arguments.configfile.read_text(encoding="utf-8")))
    if problems:
        raise SystemExit("\n".join(problems))
    names = [name for name in FINISHED.findall(text) if name != "all"]
    print(f"Snakemake itself: {around:.0f} MB\n")
    print(markdown(by_rule(names, Plan(config), scripts, around)))


if __name__ == "__main__":
    main()
