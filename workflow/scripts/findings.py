from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.document import write_findings

    checks = {name: Path(path) for name in snakemake.params.checks for path in snakemake.input[name]}
    write_findings(
        snakemake.config,
        snakemake.wildcards.target,
        Path(snakemake.input.metrics),
        Path(snakemake.input.evidence),
        list(map(Path, snakemake.input.figures)),
        checks,
        findings_json=Path(snakemake.output.findings_json),
        findings_md=Path(snakemake.output.findings_md),
    )
