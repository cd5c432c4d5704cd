from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.report.model_data import write_model_data

    audits = {}
    for path in map(Path, snakemake.input.audits):
        audits.setdefault(path.parent.name, {"mean_maps": path.parent / "mean_maps.zarr"})[path.stem] = path
    folder = Path(snakemake.output[0]).parent
    outputs = {path.relative_to(folder).with_suffix("").as_posix(): path for path in map(Path, snakemake.output)}
    grids = list(map(Path, snakemake.input.grids))
    model, metrics = snakemake.wildcards.model, Path(snakemake.input.metrics)
    write_model_data(snakemake.config, model, metrics, grids, audits, outputs)
