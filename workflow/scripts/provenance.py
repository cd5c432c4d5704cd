from saliency.files.atomic_files import write_json
from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.store.provenance import provenance

    descriptions = [paths for _, paths in snakemake.input.items()]
    write_json(provenance(snakemake.config, descriptions), snakemake.output[0])
