"""What surrounds a job: its log, the process that started it, and the garbage collector."""

import atexit
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from saliency.exceptions import DataError
from saliency.files.made_with import processor, say_made_with, versions


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


class LogFile(logging.FileHandler):
    """A log file that may run out of disk space without a traceback for each line; standard error has the lines."""

    failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say once that the log file is incomplete."""
        if not self.failed:
            self.failed = True
            print(f"{self.baseFilename}: the log is incomplete: {sys.exc_info()[1]}", file=sys.stderr)

    def close(self) -> None:
        """Close the file; what could not be written has been said."""
        with suppress(OSError):
            super().close()


def leave_scripts_folder() -> None:
    """Take the folder of this job's script off the path, where its neighbours would hide the user's modules.

    Snakemake appends it, and the one in which it keeps copies of scripts from elsewhere. With them, a factory
    ``train:Network`` would be looked for in the workflow's script ``train.py``.
    """
    script = Path(sys.argv[0])
    if script.parent.parts[-2:] != (".snakemake", "scripts"):
        return
    # The file is the script's source after a preamble, and its name the script's after a random part.
    source, name = script.read_bytes(), script.name.partition(".")[2]

    def neighbours(folder: str) -> bool:
        original = Path(folder, name)
        return original.is_file() and bool(text := original.read_bytes()) and source.endswith(text)

    sys.path[:] = [folder for folder in sys.path if not neighbours(folder)]


def _abandoned() -> bool:
    """Whether this is a job whose Snakemake was killed before the job could watch it."""
    if ".snakemake/scripts" not in sys.argv[0]:
        return False
    parent = psutil.Process().parent()
    try:
        # A shell in between has the script's path in its command.
        return parent is None or not any("snakemake" in word for word in parent.cmdline())
    except psutil.Error:
        return True


def _end_with_parent(parent: int, finished: threading.Event) -> None:
    """End this process soon after the one that started it.

    A killed Snakemake leaves its jobs running. The next run makes their files itself, perhaps with another config: a
    job of the old run must not replace them later.
    """
    while not finished.wait(0.5):
        if os.getppid() != parent:
            logging.getLogger("saliency").error("Snakemake was killed: its job ends")
            os._exit(1)


def _end(number: int, _: object) -> None:
    """End as after an error, so that no temporary file of what is being written stays."""
    raise SystemExit(128 + number)


@contextmanager
def job_log(path: str | Path) -> Iterator[None]:
    """Send log records and warnings to `path` and to standard error for as long as a job runs.

    A `DataError` is logged as its message, anything else with its traceback; both end the process with status 1. The
    process also ends when the one that started it is killed, and on SIGTERM; of what is being written, nothing is left
    after SIGTERM.
    """
    parent = os.getppid()
    if _abandoned():
        print("Snakemake was killed: its job ends", file=sys.stderr)
        raise SystemExit(1)
    leave_scripts_folder()
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        file = LogFile(path, mode="w", encoding="utf-8")
    except OSError as error:
        print(f"{path}: cannot write the log: {error.strerror}; mend this and run again", file=sys.stderr)
        raise SystemExit(1) from None
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        handlers=[file, logging.StreamHandler()],
        force=True,
    )
    logging.captureWarnings(True)
    spare_long_lived_objects()
    log = logging.getLogger("saliency")
    finished = threading.Event()
    threading.Thread(target=_end_with_parent, args=(parent, finished), daemon=True).start()
    before = signal.signal(signal.SIGTERM, _end)
    say_made_with(processor=processor(), **versions())
    try:
        yield
    except DataError as error:
        for line in str(error).splitlines():
            log.error(line)
        raise SystemExit(1) from None
    except Exception:
        log.exception("the job failed")
        raise SystemExit(1) from None
    finally:
        finished.set()
        signal.signal(signal.SIGTERM, before)
        logging.captureWarnings(False)
