"""Warnings that point at the code that called this package."""

import contextlib
import sys
import warnings
from pathlib import Path

OURS = str(Path(__file__).parents[2])


def warn_caller(message: str) -> None:
    """Warn as if the first caller outside this package did; context managers on the way do not count."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back and frame.f_code.co_filename.startswith((OURS, contextlib.__file__)):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
