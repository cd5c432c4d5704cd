from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.report.document import write_report

    predictions = {path.parent.name: path for path in map(Path, snakemake.input.predictions)}
    findings = {}
    for path in map(Path, snakemake.input.findings):
        findings.setdefault(path.parents[2].name, {})[path.parent.name] = path
    page = Path(snakemake.output.page)
    write_report(snakemake.config, predictions, findings, Path(snakemake.input.errors), page.parent)
