"""What the config says of the networks' outputs, and where it contradicts itself."""

from saliency.experiment.config import Config


def output_problems(config: Config) -> list[str]:
    """List contradictions between what models return and what is asked of them, one line each.

    Parameters
    ----------
    config
        With defaults; sections that are broken may be left out.

    Examples
    --------
    >>> output_problems({"models": {"net": {"outputs": "probabilities", "ignore_lastlayer": True}}})[0]
    'models.net: outputs: probabilities, but ignore_lastlayer takes the scores before them: set outputs: logits'
    """
    return [
        f"models.{name}: outputs: probabilities, but ignore_lastlayer takes the scores before them: set outputs: logits"
        for name, model in config.get("models", {}).items()
        if model["outputs"] == "probabilities" and model["ignore_lastlayer"]
    ]
