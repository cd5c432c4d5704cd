import pytest

from saliency.registry import fits
from saliency.registry.key import REQUIRED, Key, default_of, section

KEYS = (Key("size", "Voxels per side.", REQUIRED, fits.integer(1)), Key("seed", "Of the drawing.", 0, fits.integer(0)))


def test_section_holds_its_keys_and_no_others():
    assert section(KEYS) == {
        "type": "object",
        "additionalProperties": False,
        "required": ["size"],
        "properties": {
            "size": {"description": "Voxels per side.", "type": "integer", "minimum": 1},
            "seed": {"description": "Of the drawing.", "type": "integer", "minimum": 0, "default": 0},
        },
    }


def test_key_of_a_mapping_takes_more_from_its_schema():
    key = Key("patches", "Cubes.", None, fits.OPTIONAL_MAPPING, "a mapping, or null", KEYS)
    assert key.json_schema == section(KEYS) | {
        "description": "Cubes.",
        "hint": "a mapping, or null",
        "type": ["object", "null"],
        "default": None,
    }


def test_default_is_found_by_name():
    assert default_of(KEYS, "seed") == 0
    for name in ("size", "sead"):
        with pytest.raises(ValueError, match=f"no key '{name}' with a default: choose from seed"):
            default_of(KEYS, name)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (fits.integer(), "integer"),
        (fits.integer(1), "integer ≥ 1"),
        (fits.number(above=0, maximum=1), "number > 0 and ≤ 1"),
        (fits.number(0, below=1), "number ≥ 0 and < 1"),
        (fits.number(0, 1), "number from 0 to 1"),
        (fits.BOOLEAN, "`true` or `false`"),
        (fits.choice("a"), "`a`"),
        ({"const": "auto"}, "`auto`"),
        (fits.name("^a"), "text"),
        (fits.OPTIONAL_MAPPING, "mapping, or `null`"),
        ({"type": ["string", "integer", "null"]}, "text, integer, or `null`"),
        (fits.list_of(fits.TEXT, 1), "list of texts"),
        (fits.list_of(fits.integer(1), 2, 2), "list of 2 integers ≥ 1"),
        (fits.list_of(fits.list_of(fits.number())), "list of lists of numbers"),
        (fits.either(fits.NULL, fits.MAPPING, fits.list_of(fits.MAPPING)), "`null`, mapping, or list of mappings"),
    ],
)
def test_schema_in_words(schema, words):
    assert fits.in_words(schema) == words


def test_schema_without_words_is_refused():
    with pytest.raises(ValueError, match="there are no words for the JSON schema"):
        fits.in_words({"not": {}})
