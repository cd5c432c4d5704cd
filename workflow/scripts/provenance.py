from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.atomic_files import write_json
    from saliency.provenance import provenance

    write_json(provenance(snakemake.config, snakemake.input), snakemake.output[0])
