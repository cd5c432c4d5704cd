import pytest

from saliency.audit.findings.finding import Finding
from saliency.audit.findings.words import escape_markdown


@pytest.mark.parametrize(
    "text", ["a|b", "[x](javascript:y)", "<img src=x>", "**b**", "`c`", "# d\n# e", "http://f.g", "{h}"]
)
def test_escaped_text_has_no_markup_left(text):
    escaped = escape_markdown(text)
    assert "\n" not in escaped
    plain = escaped.replace("\\\\", "")
    for position, character in enumerate(plain):
        if character in r"|[]()<>*`#{}:_~!&":
            assert plain[position - 1] == "\\"
    assert Finding("group", 1, "{column} x", {"column": text}).sentence == f"{text} x"
