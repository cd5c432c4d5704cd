from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.files import write_audit

    grids, facts = (list(map(Path, snakemake.input[name])) for name in ("grids", "facts"))
    outputs = {name: Path(path) for name, path in snakemake.output.items()}
    model, target = snakemake.wildcards.model, snakemake.wildcards.target
    metrics, description = Path(snakemake.input.metrics), Path(snakemake.input.description)
    write_audit(snakemake.config, model, target, metrics, grids, outputs, facts, description)
