from snakemake.utils import min_version

min_version("9.8")


include: "workflow/Snakefile"


# An included file does not set the default target.
workflow.default_target = workflow.modifier.modify_rulename("all")
