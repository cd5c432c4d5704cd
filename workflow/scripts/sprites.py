from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.report.sprites import write_sprites

    files, outputs = dict(snakemake.input.items()), snakemake.output
    names = snakemake.wildcards.model, int(snakemake.wildcards.shard)
    write_sprites(snakemake.config, *names, files, files["descriptions"], outputs.pictures, outputs.volumes)
