from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.document import write_findings

    write_findings(
        snakemake.config,
        snakemake.wildcards.target,
        Path(snakemake.input.metrics),
        Path(snakemake.input.evidence),
        list(map(Path, snakemake.input.figures)),
        findings_json=Path(snakemake.output.findings_json),
        findings_md=Path(snakemake.output.findings_md),
    )
