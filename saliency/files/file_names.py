"""Names of files for texts that may hold anything: spaces, slashes, letters of any script."""

import hashlib
import re
import unicodedata

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# Of what is shown of a text before its hash: file systems take 255 bytes, and a suffix follows.
_SHOWN = 100


def file_name(text: str) -> str:
    """Name a file after a text.

    Parameters
    ----------
    text
        Anything.

    Returns
    -------
    str
        The text itself if it consists of up to 128 letters of the English alphabet, digits, ``.``, ``_`` and ``-`` and
        begins with a letter or digit. Else what resembles it, and a hash by which texts differ that resemble each
        other, also where a file system does not tell capitals from small letters.

    Examples
    --------
    >>> file_name("scan-001"), file_name("Patient 1"), file_name("a/b")
    ('scan-001', 'Patient_1-a669794150', 'a_b-c14cddc033')
    >>> file_name("Études/3"), file_name("患者")
    ('Etudes_3-59551e172d', 'x-9db4a3b37e')
    """
    if PLAIN.fullmatch(text):
        return text
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    shown = re.sub(r"[^A-Za-z0-9._-]+", "_", letters).strip("._-")[:_SHOWN]
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{shown or 'x'}-{digest}"
