"""Networks that come as a file: what cannot be asked of them, said before anything runs."""

from saliency.experiment.config import Config
from saliency.files.network_files import network_file
from saliency.methods.reach import out_of_reach
from saliency.methods.registered import method


def black_box_problems(config: Config) -> list[str]:
    """List what a config asks of networks in a file and cannot have, one line each.

    Parameters
    ----------
    config
        With defaults; sections that are broken may be left out.

    Examples
    --------
    >>> network = {"factory": "onnx:wolves.onnx", "kwargs": {}, "weights": "w.pt", "train": None}
    >>> network |= {"ignore_lastlayer": False, "trust_checkpoint": False}
    >>> black_box_problems({"models": {"net": network}, "methods": ["rise"]})
    ['models.net.weights: are in the file that factory names: leave it out']
    """
    problems = []
    for name, model in config.get("models", {}).items():
        found = network_file(model["factory"])
        if found is None:
            continue
        kind, file = found
        place = f"models.{name}"
        chosen = config.get("methods", [])
        reason = out_of_reach([method(one) for one in chosen], kind)
        problems += [f"{place}: {reason}"] if reason else []
        if model["train"]:
            problems.append(f"{place}.train: needs the Python code of a network, not {kind.title}: leave it out")
        elif model["weights"] is not None:
            problems.append(f"{place}.weights: are in the file that factory names: leave it out")
        if model["kwargs"]:
            problems.append(f"{place}.kwargs: have no effect on {kind.title}: leave them out")
        if model["ignore_lastlayer"]:
            problems.append(
                f"{place}.ignore_lastlayer: cannot look into {kind.title}: save the network without its last "
                "activation, or set outputs: probabilities"
            )
        if kind.code and not model["trust_checkpoint"]:
            problems.append(
                f"{place}.factory: '{file}' holds code that runs when it is loaded, and can write files: set "
                "trust_checkpoint: true if you or people you trust made it"
            )
        if kind.reach == "scores" and config.get("reduced_precision"):
            problems.append(f"reduced_precision: has no effect on {kind.title} (models.{name}): leave it out")
        if (config.get("audit") or {}).get("randomisation") is not None:
            problems.append(
                f"audit.randomisation: draws the weights of layers anew, which {kind.title} (models.{name}) does not "
                "allow: set it to null"
            )
    return problems
