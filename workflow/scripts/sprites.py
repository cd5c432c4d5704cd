from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.report.sprites import write_sprites

    folder = Path(snakemake.output[0]).parents[1]
    outputs = {Path(path).parent.relative_to(folder).as_posix(): Path(path) for path in snakemake.output}
    store = f"{snakemake.wildcards.model}.zarr"
    files = {path.parent.as_posix().partition(f"/{store}/")[2]: path for path in map(Path, snakemake.input.shards)}
    model, shard = snakemake.wildcards.model, int(snakemake.wildcards.shard)
    write_sprites(snakemake.config, model, shard, files, snakemake.input.descriptions, outputs)
