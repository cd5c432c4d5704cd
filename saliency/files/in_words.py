"""Numbers and names as messages and tables show them."""

from collections.abc import Iterable


def number(value: float) -> str:
    """Write a number with three digits, or without decimals.

    Examples
    --------
    >>> number(0.12345), number(1234.5), number(7.0)
    ('0.123', '1234', '7')
    """
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def in_bytes(size: float) -> str:
    """Write a number of bytes.

    Examples
    --------
    >>> in_bytes(999), in_bytes(12_000), in_bytes(3_456_000), in_bytes(3.2e9)
    ('999 B', '12 kB', '3.46 MB', '3.2 GB')
    """
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= factor:
            return f"{number(size / factor)} {unit}"
    return f"{number(size)} B"


def quoted(names: Iterable[str]) -> str:
    """Write names in a sentence.

    Examples
    --------
    >>> quoted(["layer3", "layer4"])
    "'layer3' and 'layer4'"
    """
    return " and ".join(f"'{name}'" for name in names)
