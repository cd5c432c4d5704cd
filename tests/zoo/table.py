"""The table of networks in docs/networks.md: which layer is explained, and how its output is laid out.

python -m tests.zoo.table [LIBRARY …]
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from saliency import GradCAM
from saliency.methods.passes.layout import TOKENS
from saliency.methods.passes.target_layer import TargetLayer
from tests.zoo.networks import LIBRARIES, Network, networks

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
HEADER = "| network | input | target layer | feature map | layout |\n|---|---|---|---|---|\n"


def by(numbers: Sequence[int]) -> str:
    return " x ".join(map(str, numbers))


def found_layer(network: Network) -> tuple[TargetLayer, tuple[int, ...]]:
    """The layer that is explained by default, and the shape of its feature map."""
    model = network.built()
    method = GradCAM(model, mode=network.mode)
    x = torch.randn(1, *network.shape, generator=torch.Generator().manual_seed(1))
    target = method.explainer.target_layers(x)[0]
    with method.forward_pass(x) as forward:
        (found,) = forward.maps(torch.tensor([1])).values()
    return target, tuple(found.shape[1:])


def row(network: Network) -> str:
    """Its row: the layer, or the words with which it is refused."""
    try:
        target, grid = found_layer(network)
    except Exception as error:
        words = str(error).strip().partition("\n")[0].replace("|", "\\|")
        return f"| {network.name} | {by(network.shape[1:])} | refused: {words} | | |"
    layout = target.layout
    words = layout.axes
    if layout.axes == TOKENS and layout.prefix:
        words += f" after {layout.prefix}"
    return f"| {network.name} | {by(network.shape[1:])} | `{target.name}` | {by(grid)} | {words} |"


def rows(library: str) -> dict[str, list[str]]:
    """Cells of the page's rows of a library, by network."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"<!-- zoo: {library} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    if not found:
        raise ValueError(f"{PAGE} has no table of {library}")
    lines = found[1].strip().splitlines()[2:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {each[0]: each[1:] for each in cells}


def main() -> None:
    for library in sys.argv[1:] or LIBRARIES:
        lines = []
        for network in networks(library):
            lines.append(row(network))
            print(lines[-1], flush=True)
        text = PAGE.read_text(encoding="utf-8")
        table = f"<!-- zoo: {library} -->\n{HEADER}" + "".join(f"{line}\n" for line in lines) + "<!-- end -->"
        pattern = rf"<!-- zoo: {library} -->\n.*?<!-- end -->"
        PAGE.write_text(re.sub(pattern, lambda _, table=table: table, text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
