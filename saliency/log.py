"""Logging of one job: to its log file and to standard error, errors included."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataError(Exception):
    """Something that the user's data or config is the cause of; its lines say what to do."""


def one_line(text: str) -> str:
    r"""Escape what breaks lines, for messages that quote what others wrote.

    Examples
    --------
    >>> print(one_line("there is no file 'a\nb'"))
    there is no file 'a\nb'
    """
    return re.sub(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", lambda found: repr(found[0])[1:-1], text)


@contextmanager
def job_log(path: str | Path) -> Iterator[None]:
    """Send log records and warnings to `path` and to standard error for as long as a job runs.

    A `DataError` is logged as its message, anything else with its traceback; both end the process with status 1.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    handlers = [logging.FileHandler(path, mode="w", encoding="utf-8"), logging.StreamHandler()]
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        handlers=handlers,
        force=True,
    )
    logging.captureWarnings(True)
    log = logging.getLogger("saliency")
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
        logging.captureWarnings(False)
        for handler in handlers:
            handler.flush()
