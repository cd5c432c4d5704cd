"""Which method's maps the audit is about: what can be chosen."""

import difflib

from saliency.experiment.config import Config
from saliency.methods.registered import methods, with_parts


def audited_map_problems(config: Config) -> list[str]:
    """Say what is wrong with ``audit.map``: the run has to make such maps.

    Examples
    --------
    >>> audited_map_problems({"methods": ["gradcam"], "audit": {"map": "gradcm"}})
    ["audit.map: there is no method 'gradcm'; did you mean 'gradcam'?"]
    """
    chosen = (config.get("audit") or {}).get("map")
    if chosen is None or "methods" not in config:
        return []
    made = with_parts(config["methods"])
    if chosen in made:
        return []
    if chosen in methods():
        return [f"audit.map: the run does not make maps of '{chosen}': add it to methods, or name {' or '.join(made)}"]
    near = difflib.get_close_matches(chosen, made, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(made)}"
    return [f"audit.map: there is no method '{chosen}'; {hint}"]
