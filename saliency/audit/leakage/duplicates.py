"""Photographs that are nearly the same, and lie in different splits or have different labels."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

log = logging.getLogger(__name__)

# Bits in which the hashes of near duplicates differ at most. Of 167 ImageNet photographs, all that were saved again as
# JPEG of quality 30, or at half the size, are within 4 bits; those of quality 10 in 99 %, with 2 % cut away in 93 %. No
# two of them are within 15 bits.
MOST_BITS = 4
# Rows whose distances to all others are held at a time, 4 bytes each.
BLOCK = 1024
# Pairs per photograph, from which on the hash cannot tell these photographs apart.
MOST_PAIRS = 10
SPLIT_NAMES = ("split", "fold", "set", "partition")
COLUMNS = ("id", "other", "bits", "column", "group", "other_group")


def close_pairs(hashes: Sequence[str], most_bits: int = MOST_BITS) -> pd.DataFrame | None:
    r"""All pairs of 64-bit hashes that differ in a few bits.

    With bits as signs :math:`s \in \{-1, 1\}^{64}`, the number of different bits is :math:`(64 - s_i^T s_j) / 2`:
    exact, and as fast as multiplying matrices, a block of rows at a time.

    Parameters
    ----------
    hashes
        16 hexadecimal digits each.
    most_bits
        Largest number of different bits.

    Returns
    -------
    DataFrame or None
        ``first, second`` (positions, the first one smaller) and ``bits``; None where there are more than
        `MOST_PAIRS` for each hash, which then tells nothing.

    Examples
    --------
    >>> close_pairs(["00000000000000ff", "00000000000000fe", "f" * 16]).to_dict("records")
    [{'first': 0, 'second': 1, 'bits': 1}]
    """
    content = np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint8).reshape(-1, 8)
    signs = 2 * np.unpackbits(content, axis=1).astype(np.float32) - 1
    found, count = [], 0
    for begin in range(0, len(signs), BLOCK):
        # Each pair once: only what follows a block's first row.
        bits = (64 - signs[begin : begin + BLOCK] @ signs[begin:].T) / 2
        close = np.triu(bits <= most_bits, k=1)
        count += int(close.sum())
        if count > MOST_PAIRS * len(signs):
            return None
        first, second = np.nonzero(close)
        found.append(np.stack([first + begin, second + begin, bits[first, second].astype(int)], axis=1))
    pairs = np.concatenate(found) if found else np.empty((0, 3), dtype=int)
    return pd.DataFrame(pairs.astype(int), columns=["first", "second", "bits"])


def split_columns(columns: Sequence[str], where: Mapping[str, object]) -> list[str]:
    """Columns across which nothing should come twice: those of ``audit.where``, and those called as splits are.

    Examples
    --------
    >>> split_columns(["id", "path", "Fold", "site", "ward"], {"ward": "3"})
    ['Fold', 'ward']
    """
    return [name for name in columns if name in where or name.lower() in SPLIT_NAMES]


def duplicates(hashes: pd.Series, samples: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """List near duplicates that should not be there.

    Parameters
    ----------
    hashes
        Of each sample; NaN where it has none.
    samples
        The manifest: strings, one row per sample.
    columns
        Those in which two near duplicates must not differ, such as ``split`` and ``label``; empty cells do not count.

    Returns
    -------
    DataFrame
        One row for each pair and column in which it differs, the closest pairs first: ``id, other, bits, column, group,
        other_group``. Empty where the hash cannot tell the photographs apart, which the log says.

    Examples
    --------
    >>> samples = pd.DataFrame({"id": ["a", "b"], "split": ["train", "test"]})
    >>> duplicates(pd.Series(["0" * 16, "0" * 16]), samples, ["split"]).to_dict("records")
    [{'id': 'a', 'other': 'b', 'bits': 0, 'column': 'split', 'group': 'train', 'other_group': 'test'}]
    """
    rows = np.flatnonzero(hashes.notna())
    pairs = close_pairs(hashes.iloc[rows].tolist())
    if pairs is None:
        log.warning(
            "near duplicates: more than %d pairs for each photograph: they are too much alike for the hash to tell "
            "them apart, and no pair is reported",
            MOST_PAIRS,
        )
        return pd.DataFrame(columns=list(COLUMNS))
    first, second = (samples.iloc[rows[pairs[side].to_numpy()]].reset_index(drop=True) for side in ("first", "second"))
    parts = []
    for column in columns:
        differs = (first[column] != second[column]) & (first[column] != "") & (second[column] != "")
        parts.append(
            pd.DataFrame(
                {
                    "id": first["id"][differs],
                    "other": second["id"][differs],
                    "bits": pairs["bits"][differs],
                    "column": column,
                    "group": first[column][differs],
                    "other_group": second[column][differs],
                },
                columns=list(COLUMNS),
            )
        )
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True).sort_values("bits", kind="stable", ignore_index=True)
