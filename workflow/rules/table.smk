# Nothing can be planned before the table of samples is there, which another rule makes.
if workflow.is_main_process:
    said = f"{NAMED}: a rule has yet to make the manifest '{AWAITED}': this run makes it and no maps; run again then"
    for caution in not_told([said]):
        logger.warning(caution)

WANTED = {"manifest": local(str(AWAITED))}
