"""What a run should begin with being told: settings that are no mistake, but may well be none that were meant."""

from saliency.experiment.config import Config


def cautions(config: Config) -> list[str]:
    """List what may not be meant, one line each.

    Parameters
    ----------
    config
        The completed config, without problems.

    Examples
    --------
    >>> cautions({"models": {"net": {"factory": "package:network", "weights": None}}})[0].partition(":")[0]
    'models.net'
    """
    return [
        f"models.{name}: has no weights in the config: if {model['factory']} loads none, its maps are those of a "
        f"random network; set models.{name}.weights"
        for name, model in config["models"].items()
        if model["weights"] is None
    ]
