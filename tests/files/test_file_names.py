"""Names of files for ids of any kind."""

import re
import string

from hypothesis import given
from hypothesis import strategies as st

from saliency.files.file_names import file_name

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@given(st.text(min_size=1))
def test_any_text_gets_a_name_that_every_file_system_takes(text):
    name = file_name(text)
    assert SAFE.fullmatch(name)
    assert name == file_name(text)
    assert (name == text) == bool(SAFE.fullmatch(text))


@given(st.lists(st.text(alphabet=" /aAbB._-ÄäéÉ患", min_size=1, max_size=6), min_size=2, max_size=40, unique=True))
def test_different_texts_get_different_names(texts):
    # Also where capitals are not told from small letters, but for ids that were names before.
    names = [file_name(text) for text in texts if not SAFE.fullmatch(text)]
    assert len({name.lower() for name in names}) == len(names)


def test_names_resemble_the_texts():
    assert file_name("Ünal, Élodie").startswith("Unal_Elodie-")
    assert file_name("../../etc/passwd").startswith("etc_passwd-")
    assert set(file_name("O'Brien / 3")) <= set(string.ascii_letters + string.digits + "._-")
