"""The check ``transfer``: whether a property of a class's pictures turns others into that class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from saliency.audit.checks.check import SMALLEST, CheckJob, CheckOfPredictions
from saliency.audit.checks.intervening import BUDGET, InterveningCheck
from saliency.audit.findings.words import counted
from saliency.methods.method import Cost
from saliency.registry.fits import NULL, either, integer
from saliency.registry.key import Key

if TYPE_CHECKING:
    import pandas as pd


class Transfer(InterveningCheck, CheckOfPredictions):
    """Transfer tests and removals, see `saliency.audit.probes.transfer`."""

    name = "transfer"
    title = "Transfer tests"
    question = "whether a property of a class's pictures turns others into that class"
    summary = (
        "Gives properties of a class's pictures (frame, surround, colours, patches, windows, what a mask leaves out) "
        "to others, and counts how many turn into the class; `null` leaves it out."
    )
    doing = "Give properties of each class to other pictures"
    caption = (
        "A property of one picture, the source, is given to another one, the target. A test counts the targets that "
        "turn into the class of the sources, beside those that turn with sources of other classes."
    )
    keys = (
        Key(
            "evaluations",
            "Largest number of pictures that the network sees; classes with more predictions come first, and those for "
            f"which nothing is left are named. `null` takes as many as have {BUDGET / 1e9:g} billion values: 9,965 "
            "photographs of 224 x 224 pixels, 715 volumes of 128 voxels along each side.",
            None,
            either(NULL, integer(1)),
            "an integer ≥ 1, or null",
        ),
        Key("targets", "Pictures of other classes that are changed in each test.", 48, integer(24)),
        Key("sources", "Pictures of the class whose properties are given.", 24, integer(1)),
        Key("least", "A class with fewer sources is not tested.", 8, integer(1)),
    )
    masks = True
    version = 2
    tables: ClassVar[Mapping[str, str]] = {"table": "", "windows": "_windows"}
    cost = Cost(shard_copies=2, batch_copies=150, seconds=10)

    @classmethod
    def held(cls, settings: Mapping[str, Any], samples: int) -> int:
        """Pictures of one class: sources and their controls, targets and its own; and what finds out what they share.

        That are copies of its own, and three of the others. Masks have a byte for each pixel, a quarter of what a
        picture of one channel has.
        """
        return int(5.5 * settings["sources"] + 6.5 * settings["targets"])

    @classmethod
    def told(cls, table: pd.DataFrame, thresholds: Mapping[str, Any]) -> dict[str, object]:
        """Tests, classes, pictures, and the smallest effect that they could show.

        Examples
        --------
        >>> import pandas as pd
        >>> table = pd.DataFrame({"class": [0, 1], "p": [0.5, None], "targets": [48, 0]})
        >>> Transfer.told(table, {"alpha": 0.05, "min_turned": 0.3})["smallest share of turned pictures that they show"]
        0.3
        """
        tested = table[table["p"].notna()]
        classes = tested["class"].nunique()
        said: dict[str, object] = {"tests": len(tested), "classes": classes}
        said["classes without a test"] = table["class"].nunique() - classes
        if len(tested):
            targets = int(tested["targets"].max())
            said["pictures changed in each test"] = targets
            said[SMALLEST] = cls.smallest_share(len(tested), targets, thresholds)
        return said

    @classmethod
    def looked(cls, told: Mapping[str, Any]) -> str:
        """Tests, classes, pictures, and the smallest share of pictures that would be found.

        Examples
        --------
        >>> told = {"tests": 9, "classes": 1, "classes without a test": 2, "pictures changed in each test": 48}
        >>> print(Transfer.looked(told | {SMALLEST: 0.3}))  # doctest: +NORMALIZE_WHITESPACE
        Properties of the pictures of 1 class were given to up to 48 pictures of others, in 9 tests. One that turns 30 %
        of the others into the class would have been found, a weaker one not. 2 classes were not tested: they had too
        few pictures, or no time was left for them.
        """
        if not told["tests"]:
            return "No class had enough pictures to give their properties to others."
        classes, tests = counted(told["classes"], "class", "classes"), counted(told["tests"], "test")
        pictures = told["pictures changed in each test"]
        given = f"Properties of the pictures of {classes} were given to up to {pictures} pictures of others, in {tests}"
        found = cls.found_from(told, "others into the class")
        return " ".join(filter(None, [f"{given}.", found, cls.missed(told)]))

    @classmethod
    def missed(cls, told: Mapping[str, Any]) -> str:
        """Say how many classes have no test.

        Examples
        --------
        >>> print(Transfer.missed({"tests": 9, "classes without a test": 1}))
        1 class was not tested: it had too few pictures, or no time was left for it.
        """
        left = told["classes without a test"]
        if not left:
            return ""
        were, they, them = ("was", "it", "it") if left == 1 else ("were", "they", "them")
        classes = counted(left, "class", "classes")
        return f"{classes} {were} not tested: {they} had too few pictures, or no time was left for {them}."

    @classmethod
    def write(cls, job: CheckJob) -> None:
        """Write a model's tests, their figure and their pictures."""
        from saliency.audit.probes.transfer import write_transfer

        write_transfer(job)
