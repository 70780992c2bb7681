"""Search keys, and ranges of text in code point order."""

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from userpools.models import PoolUser
from userpools.models.search_keys import LONGEST_KEY_BYTES, _behind, search_key

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LAST = chr(sys.maxunicode)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana@Example.com", "aNA@eXAMPLE.COM"),
        ("\u00c9va", "e\u0301VA"),
        ("Stra\u00dfe", "STRASSE"),
        ("\u212a", "k"),
    ],
)
def test_values_that_differ_in_case_or_spelling_alone_have_one_key(one, other):
    assert search_key(one) == search_key(other)


@pytest.mark.parametrize(("one", "other"), [("e", "\u00e9"), ("i", "\u0131"), ("a", "\uff41")])
def test_lookalikes_have_keys_of_their_own(one, other):
    assert search_key(one) != search_key(other)


@pytest.mark.parametrize("letter", ["A", "\u0390", "\ufb03", "\U0001d160", "\U00010c80"])
def test_a_key_fits_an_index(letter):
    key = search_key(letter * 2048)
    assert LONGEST_KEY_BYTES - 12 < len(key.encode()) <= LONGEST_KEY_BYTES or len(key) == 2048


@given(TEXT, TEXT, TEXT)
@example("a" + LAST, LAST, "b")
@example("\ud7ff", "", "\ue000")
@example(LAST, "", LAST)
def test_a_range_holds_what_begins_with_its_prefix_and_nothing_else(prefix, rest, other):
    end = _behind(prefix)

    def inside(text):
        return prefix <= text and (not end or text < end)

    assert inside(prefix + rest)
    assert inside(other) == other.startswith(prefix)


def test_a_field_tells_a_migration_how_it_was_made():
    _, path, arguments, options = PoolUser._meta.get_field("email_key").deconstruct()
    assert path == "userpools.models.search_keys.SearchKeyField"
    assert arguments == ["email"]
    assert options == {"null": True, "editable": False}
