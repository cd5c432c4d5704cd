"""What a finding is, and what a kind of finding is: one class that describes itself, and finds.

A kind is one file in this folder, and everything that has to be known of it is read from its class: the config's
thresholds, digests, the schema of ``findings.json``, titles in ``findings.md`` and on the page. It is imported while
jobs are planned, and imports SciPy inside its functions only.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from saliency.audit.findings.words import escape_markdown
from saliency.registry.key import Key

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence

SHARE = {"type": "number", "minimum": 0, "maximum": 1}
COUNT = {"type": "integer", "minimum": 1}

# Thresholds that several kinds read, or none of them.
SHARED_KEYS = (
    Key(
        "alpha",
        "Level of the tests: a p-value below it, after correction, counts.",
        0.05,
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    ),
    Key("min_difference", "Between two accuracies, or two shares of a group.", 0.2, SHARE),
    Key(
        "min_turned",
        "Share of other pictures that a property or a defect has to turn into a class, beyond its control.",
        0.3,
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    ),
    Key("most", "Number of findings that are reported.", 20, COUNT),
    Key("exemplars", "Number of samples that stand for a finding.", 5, COUNT),
)


@dataclass(frozen=True)
class Finding:
    r"""One sentence, and what it rests on.

    Attributes
    ----------
    kind
        Name of its kind.
    score
        By which findings are ranked, 0 … 1; its kind says what it is.
    template
        The sentence, with a place in braces for each of `names`.
    names
        Texts that come from the user's files.
    numbers
        What the sentence says, for programs; None where there is no such number. Which samples it is about say
        ``class`` (the explained one) and ``cluster``, ``label``, ``predicted``, ``column`` or ``fact`` with ``group``,
        and ``measure``, for samples whose label is known; all samples of the manifest where ``among`` is "all", the
        audited ones otherwise. ``begin`` and ``end`` say where in the picture, 0 … 1 along each axis.
    samples
        Ids that show it.
    row
        A check's name, and the row of its table on which it rests: the check may have pictures of it.

    Examples
    --------
    >>> finding = Finding("group", 0.5, "Where {column} is {group}, …", {"column": "site", "group": "*a*"})
    >>> print(finding.sentence, finding.markdown)
    Where site is *a*, … Where site is \*a\*, …
    """

    kind: str
    score: float
    template: str
    names: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, object] = field(default_factory=dict)
    samples: Sequence[str] = ()
    row: tuple[str, int] | None = None

    @property
    def sentence(self) -> str:
        """The sentence as plain text."""
        return self.template.format(**self.names)

    @property
    def markdown(self) -> str:
        """The sentence with what comes from files escaped."""
        return self.template.format(**{key: escape_markdown(name) for key, name in self.names.items()})


class FindingKind(ABC):
    """A kind of finding: what it is called, and how it is found in what an audit computed.

    Attributes
    ----------
    name
        In ``findings.json``.
    title
        Before the sentence, in ``findings.md`` and on the page.
    summary
        What is reported, in one sentence.
    version
        Raise it when a change to the code changes the findings: they are then made again.
    reads
        Fields of `saliency.audit.evidence.Evidence` that it reads, beside ``samples``.
    keys
        Thresholds of its own, which a config has in ``audit.findings``; `SHARED_KEYS` are there for all.
    consequence
        Whether it counts predictions that are changed or wrong; such findings come first, then mere signs.
    precedence
        Of findings with the same score, those of the smaller number come first.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    version: ClassVar[int]
    reads: ClassVar[frozenset[str]]
    keys: ClassVar[tuple[Key, ...]] = ()
    consequence: ClassVar[bool] = False
    precedence: ClassVar[int] = 100

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """Find in one target of a model.

        Parameters
        ----------
        evidence
            What the audit computed.
        thresholds
            By name: `SHARED_KEYS` and `keys`, all of them.
        """
        raise NotImplementedError(f"{cls.__name__} has no find")
