"""Python's garbage collector in the workflow's processes; the library leaves that of its caller alone."""

import atexit
import gc


def spare_long_lived_objects() -> None:
    """Keep the collector from objects that stay until the process ends.

    A job imports a million of them, and Snakemake plans with as many. Going through them takes up to a fifth of the
    time of importing torch and torchvision, or of planning, and a second when Python exits. Young garbage is collected
    as always.

    Examples
    --------
    >>> before = gc.get_threshold()
    >>> spare_long_lived_objects()
    >>> gc.get_threshold()[:2] == before[:2], gc.isenabled()
    (True, True)
    """
    gc.set_threshold(*gc.get_threshold()[:2], 1000)
    atexit.register(gc.freeze)
