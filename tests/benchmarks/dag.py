"""What a dry run costs at many shards: of the workflow, and of a bare one whose jobs have as many files.

    python -m tests.benchmarks.dag --shards 1000 10000

Each shard has one sample, and one job makes all of its arrays. The bare workflows have nothing of this project: they
are the least that Snakemake needs for one job a shard, and for the same files, directives and dependencies.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from tests.benchmarks.markdown import markdown
from tests.helpers.workflow_project import Project

BARE = """
SHARDS = range({shards})
FILES = [f"results/a{{number}}/c.{{{{shard}}}}" for number in range({outputs})]
rule all:
    default_target: True
    input: expand(FILES, shard=SHARDS)
rule source:
    output: "model.json"
    shell: "touch {{output}}"
rule fused:
    input: "model.json"
    output: FILES
    log: "logs/{{shard}}.log"
    params: digest=lambda wildcards: wildcards.shard
    shell: "touch {{output}}"
"""
# As the workflow's own rules: two inputs, a script, an environment, resources; a table of two arrays, and contact
# sheets of all but those.
SHAPED = """
SHARDS = range({shards})
FILES = [f"results/a{{number}}/c.{{{{shard}}}}" for number in range(7)]
rule all:
    default_target: True
    input: expand(FILES, shard=SHARDS), "table.csv", "sheets.png"
rule source:
    output: "model.json", "target_layer.json"
    shell: "touch {{output}}"
rule table:
    input: expand(FILES[1:3], shard=SHARDS)
    output: "table.csv"
    shell: "touch {{output}}"
rule sheets:
    input: expand([FILES[0], *FILES[3:]], shard=SHARDS)
    output: "sheets.png"
    shell: "touch {{output}}"
rule fused:
    input: "model.json", "target_layer.json"
    output: FILES
    log: "logs/{{shard}}.log"
    conda: "environment.yaml"
    threads: 1
    resources: mem_mb=lambda wildcards, attempt: attempt * 100, runtime=lambda wildcards, attempt: attempt * 10
    params: digest=lambda wildcards: wildcards.shard
    message: "Shard {{wildcards.shard}}"
    script: "fused.py"
"""


def measure(command: list[str], folder: Path, environment: dict[str, str]) -> dict[str, float]:
    """Processor time, wall time and peak memory of a command."""
    begin = time.perf_counter()
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit((folder / "output.txt").read_text()[-2000:])
    return {
        "wall s": time.perf_counter() - begin,
        "processor s": used.ru_utime + used.ru_stime,
        "peak MB": used.ru_maxrss / 1024,
    }


def project(folder: Path, shards: int, execution: str) -> Project:
    """One sample a shard, all with the same photograph; figures and tables as the defaults have them."""
    made = Project.create(folder, samples=1, shard_size=1, execution=execution)
    rows = [f"s{number},s0.png,{number % 5},site {number % 2}" for number in range(shards)]
    made.manifest.write_text("\n".join(["id,path,label,site", *rows]) + "\n")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", nargs="+", type=int, default=[1000, 10_000])
    parser.add_argument("--executions", nargs="*", default=["fused"], choices=["fused", "steps"])
    parser.add_argument("--outputs", nargs="*", type=int, default=[1, 7], help="of each job of the bare workflow")
    parser.add_argument("--at-once", type=int, default=1, help="programs; processor time and memory stay what they are")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(arguments.at_once) as pool:
        runs = {}
        for shards in arguments.shards:
            folder = Path(name, str(shards))
            for execution in arguments.executions:
                made = project(folder / execution, shards, execution)
                command = made.command("--dry-run", "--quiet")
                runs[shards, f"this one, {execution}"] = pool.submit(measure, command, made.folder, made.environment())
            bare = {f"bare, {outputs} outputs a job": (BARE, outputs) for outputs in arguments.outputs}
            for number, (label, (text, outputs)) in enumerate({**bare, "bare, of the same shape": (SHAPED, 7)}.items()):
                place = folder / f"bare{number}"
                place.mkdir()
                (place / "Snakefile").write_text(text.format(shards=shards, outputs=outputs))
                for file in ("fused.py", "environment.yaml"):
                    (place / file).touch()
                command = [sys.executable, "-m", "snakemake", "--cores", "2", "--dry-run", "--quiet"]
                runs[shards, label] = pool.submit(measure, command, place, dict(os.environ))
        rows = [{"shards": shards, "workflow": label, **run.result()} for (shards, label), run in runs.items()]
    print(markdown(pd.DataFrame(rows).round(1)))


if __name__ == "__main__":
    main()
