
def shards_to_draw(rows):
    """Input function: the shards that hold some rows, of every array that a figure shows."""
    patterns = [
        shard("inputs"),
        *(target_shard(name) for name in ["class", *PLAN.methods]),
    ]
    return chosen_shards(patterns, rows)


rule plot:
    input:
        shards=shards_to_draw(PLAN.chosen.index),
        predictions=f"{RESULTS}/{{model}}/predictions.csv",
        descriptions=DESCRIPTIONS,
    output:
        FIGURES,
    log:
        f"{RESULTS}/logs/{{model}}/{{target}}/plot.log",
    params:
        digest=step_digest("figure"),
    script:
        "../scripts/plot.py"


rule contact_sheet:
    input:
        shards=shards_to_draw(range(len(PLAN.samples))),
        predictions=f"{RESULTS}/{{model}}/predictions.csv",
        descriptions=DESCRIPTIONS,
    output:
        report(
            f"{RESULTS}/{{model}}/figures/{{target}}/contact-sheet_{{selection}}.png",
            caption="../report/contact_sheet.rst",
            category="Contact sheets",
            subcategory="{model}",
            labels={"target": "{target}", "samples": "{selection}"},
        ),
    log:
        f"{RESULTS}/logs/{{model}}/{{target}}/contact-sheet_{{selection}}.log",
    params:
        digest=step_digest("figure"),
    script:
        "../scripts/contact_sheet.py"
