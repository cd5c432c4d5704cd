"""Addresses within the page: the part after ``#`` says what is shown, and how."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from saliency.experiment.plan import Plan


def page_link(view: str, item: str | None = None, settings: Mapping[str, str | Sequence[str]] | None = None) -> str:
    """Write an address as ``assets/state.js`` reads it.

    Parameters
    ----------
    view
        Its route.
    item
        What the view shows one of.
    settings
        By name: a value, or several, of which a sample has to have one (filters of the manifest's columns only).

    Examples
    --------
    >>> page_link("gallery", None, {"class": "3", "col.site": "a b"})
    '#/gallery?class=3&col.site=a%20b'
    >>> page_link("gallery", None, {"col.site": ["a", "b"]})
    '#/gallery?col.site=a&col.site=b'
    >>> page_link("sample", "s/1")
    '#/sample/s%2F1'
    """
    path = f"#/{view}" if item is None else f"#/{view}/{quote(item, safe='')}"
    return f"{path}?{urlencode(settings, doseq=True, quote_via=quote)}" if settings else path


def model_settings(plan: Plan, model: str) -> dict[str, str]:
    """Settings that show a model; the first one is shown without any."""
    return {} if model == plan.models[0] else {"model": model}


def where_settings(plan: Plan) -> dict[str, str | Sequence[str]]:
    """Settings of the gallery that show the audited samples only."""
    return {f"col.{column}": value for column, value in plan.config["audit"]["where"].items()}
