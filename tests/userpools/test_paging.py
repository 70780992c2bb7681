"""Keyset pages: order, ties, tokens."""

import pytest
import time_machine

from userpools.errors import InvalidParameterException
from userpools.models import Group
from userpools.paging import paginate


@pytest.fixture
def named(pool):
    def make(*entries):
        for name, description in entries:
            Group.objects.create(pool=pool, name=name, description=description)

    return make


def pages(queryset, **options):
    token, found = "", []
    while True:
        page = paginate(queryset, token=token, scope="test", **options)
        found.append([row.name for row in page])
        token = page.token
        if not token:
            return found


def test_an_empty_list_has_one_empty_page(pool):
    assert pages(Group.objects.order_by("name"), limit=2) == [[]]


@pytest.mark.parametrize(("count", "sizes"), [(2, [2]), (3, [2, 1]), (4, [2, 2])])
def test_the_last_page_has_no_token(named, count, sizes):
    named(*((f"g{n}", "") for n in range(count)))
    assert [len(page) for page in pages(Group.objects.order_by("name"), limit=2)] == sizes


def test_descending_order(named):
    named(("a", ""), ("b", ""), ("c", ""))
    assert pages(Group.objects.order_by("-name"), limit=2) == [["c", "b"], ["a"]]


def test_ties_of_a_column_are_settled_by_the_key(named):
    named(("d", "x"), ("c", "x"), ("b", "x"), ("a", "w"), ("e", "y"))
    assert pages(Group.objects.all(), order="description", limit=2) == [
        ["a", "d"],
        ["c", "b"],
        ["e"],
    ]


def test_ties_of_a_descending_column_are_settled_by_the_key(named):
    named(("a", "x"), ("b", "x"), ("c", "x"), ("d", "w"), ("e", "y"))
    assert pages(Group.objects.all(), order="-description", limit=2) == [
        ["e", "c"],
        ["b", "a"],
        ["d"],
    ]


def test_a_list_begins_at_its_start(named):
    named(("a", "x"), ("b", "y"), ("c", "y"), ("d", "z"))
    rows = Group.objects.order_by("description", "name")
    assert pages(rows, limit=2, start=["y", ""]) == [["b", "c"], ["d"]]
    assert pages(rows, limit=2, start=["y", "c"]) == [["c", "d"]]


def test_a_page_goes_on_where_its_last_row_was_deleted(named):
    named(("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", ""))
    rows = Group.objects.order_by("name")
    first = paginate(rows, limit=2, token="", scope="s")
    Group.objects.get(name="b").delete()
    second = paginate(rows, limit=2, token=first.token, scope="s")
    assert [row.name for row in second] == ["c", "d"]
    third = paginate(rows, limit=2, token=second.token, scope="s")
    assert ([row.name for row in third], third.token) == (["e"], "")


def test_rows_added_meanwhile_do_not_shift_the_page(named):
    named(("b", ""), ("c", ""), ("d", ""))
    rows = Group.objects.order_by("name")
    first = paginate(rows, limit=2, token="", scope="s")
    named(("a", ""))
    second = paginate(rows, limit=2, token=first.token, scope="s")
    assert [row.name for row in second] == ["d"]


def test_pages_are_filled_from_the_rows_that_are_kept(named):
    named(*((f"g{n}", "") for n in range(9)))
    kept = pages(
        Group.objects.order_by("name"), limit=2, keep=lambda row: int(row.name[1:]) % 4 == 0
    )
    assert kept == [["g0", "g4"], ["g8"]]


def test_a_page_that_ends_with_the_last_kept_row_has_no_token(named):
    named(*((f"g{n}", "") for n in range(5)))
    assert pages(Group.objects.order_by("name"), limit=1, keep=lambda row: row.name == "g1") == [
        ["g1"]
    ]


@pytest.mark.parametrize(
    "forge", [lambda token: token + "x", lambda token: "x", lambda token: token[:9]]
)
def test_a_forged_token_is_refused(named, forge):
    named(("a", ""), ("b", ""))
    rows = Group.objects.order_by("name")
    token = paginate(rows, limit=1, token="", scope="s").token
    with pytest.raises(InvalidParameterException):
        paginate(rows, limit=1, token=forge(token), scope="s")


def test_a_token_is_of_its_scope(named):
    named(("a", ""), ("b", ""))
    rows = Group.objects.order_by("name")
    token = paginate(rows, limit=1, token="", scope="s").token
    assert [row.name for row in paginate(rows, limit=1, token=token, scope="s")] == ["b"]
    with pytest.raises(InvalidParameterException):
        paginate(rows, limit=1, token=token, scope="t")


def test_a_token_expires_after_an_hour(named):
    named(("a", ""), ("b", ""))
    rows = Group.objects.order_by("name")
    with time_machine.travel("2026-05-01T12:00:00Z", tick=False) as clock:
        token = paginate(rows, limit=1, token="", scope="s").token
        clock.shift(3599)
        paginate(rows, limit=1, token=token, scope="s")
        clock.shift(2)
        with pytest.raises(InvalidParameterException):
            paginate(rows, limit=1, token=token, scope="s")
