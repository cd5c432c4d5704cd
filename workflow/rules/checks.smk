for NAME, FILES in CHECKS.items():
    CHECK = checks()[NAME]
    OF_TARGET = ", {wildcards.target}" if CHECK.per_target else ""

    rule:
        name:
            NAME
        input:
            **shards_of_rows(CHECK.arrays(PLAN.methods), SELECTION.checked(NAME)),
            **{name: [CHECKS[name]["table"]] for name in CHECK.reads if name in CHECKS},
            masks=made_masks_of_rows(SELECTION.checked(NAME)) if CHECK.masks else [],
            weights=made_weights,
            descriptions=DESCRIPTIONS,
        output:
            **{
                name: report(
                    path,
                    caption="../report/check.rst",
                    category="Audit",
                    subcategory="{model}",
                    labels={
                        "target": "{target}" if CHECK.per_target else "all",
                        "check": Path(path).stem,
                    },
                )
                for name, path in FILES.items()
                if name != "pictures"
            },
            **{name: path for name, path in FILES.items() if name == "pictures"},
        log:
            f"{RESULTS}/logs/{{model}}/{'{target}/' if CHECK.per_target else ''}{NAME}.log",
        conda:
            "../envs/saliency.yaml"
        threads: config["threads"]
        resources:
            mem_mb=memory(NAME),
            runtime=runtime(NAME),
            gpu=GPUS if CHECK.cost.batch_copies else 0,
        params:
            digest=step_digest(NAME),
            check=NAME,
            caption=CHECK.caption,
        message:
            f"{CHECK.doing} ({{wildcards.model}}{OF_TARGET})"
        script:
            "../scripts/check.py"
