"""ListUsers: filters, pages, and what they cost the database."""

import importlib
import unicodedata
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from django.apps import apps
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.calls import refused
from userpools.models import Group, PoolUser, UserStatus
from userpools.models.user import SEARCH_KEYS, SEARCHABLE
from userpools.services.lookup import canonical

pytestmark = pytest.mark.django_db


def attributes(answer, member="UserAttributes"):
    return {item["Name"]: item["Value"] for item in answer[member]}


def listed(**values):
    return [{"Name": name, "Value": value} for name, value in values.items()]


def names(idp, pool, filter_=""):
    users = idp.list_users(UserPoolId=pool.id, Filter=filter_)["Users"]
    return [user["Username"] for user in users]


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ("", ["ana", "bea", "cid"]),
        ('username = "ana"', ["ana"]),
        ('username = "ANA"', []),
        ('username ^= "b"', ["bea"]),
        ('email = "ANA@example.com"', ["ana"]),
        ('email ^= "a"', ["ana"]),
        ('name ^= "o\\"r"', ["bea"]),
        ('cognito:user_status = "confirmed"', ["ana", "bea"]),
        ('cognito:user_status ^= "FORCE"', ["cid"]),
        ('status = "Enabled"', ["ana", "cid"]),
        ('status = "Disabled"', ["bea"]),
        ('status = "disabled"', []),
        ('family_name = "none"', []),
    ],
)
def test_filters_select(idp, pool, make_user, filter_, found):
    make_user(pool, "ana", email="Ana@example.com")
    make_user(pool, "bea", email="bea@example.com", name='O"Reilly')
    idp.admin_create_user(UserPoolId=pool.id, Username="cid", MessageAction="SUPPRESS")
    idp.admin_disable_user(UserPoolId=pool.id, Username="bea")
    users = idp.list_users(UserPoolId=pool.id, Filter=filter_)["Users"]
    assert [user["Username"] for user in users] == found


def test_a_sub_is_searchable_whole_and_by_prefix(idp, pool, user):
    sub = str(PoolUser.objects.get().sub)
    for text in (f'sub = "{sub}"', f'sub ^= "{sub[:11]}"', f'sub = "{sub.upper()}"'):
        assert len(idp.list_users(UserPoolId=pool.id, Filter=text)["Users"]) == 1
    for text in ('sub = "nonsense"', f'sub ^= "{sub}0"', 'sub ^= "xyz"'):
        assert idp.list_users(UserPoolId=pool.id, Filter=text)["Users"] == []


@pytest.mark.parametrize(
    ("filter_", "message"),
    [
        ("username", "Error while parsing filter"),
        ('username == "a"', "Error while parsing filter"),
        ('username = "a" and status = "Enabled"', "Error while parsing filter"),
        ('address = "x"', "Invalid search attribute: address"),
        ('custom:x = "x"', "Invalid search attribute: custom:x"),
    ],
)
def test_bad_filters_are_refused(idp, pool, filter_, message):
    said = refused(
        idp, "InvalidParameterException", idp.list_users, UserPoolId=pool.id, Filter=filter_
    )
    assert said == message


def test_pages_cover_everyone_once_and_their_tokens_are_bound(idp, pool, make_pool):
    for index in range(5):
        idp.admin_create_user(
            UserPoolId=pool.id,
            Username=f"user{index}",
            MessageAction="SUPPRESS",
            UserAttributes=listed(name="same"),
        )
    seen, token = [], {}
    while True:
        page = idp.list_users(UserPoolId=pool.id, Limit=2, Filter='name = "same"', **token)
        seen += [user["Username"] for user in page["Users"]]
        if "PaginationToken" not in page:
            break
        token = {"PaginationToken": page["PaginationToken"]}
    assert seen == [f"user{index}" for index in range(5)]
    other = make_pool()
    for members in (
        {"UserPoolId": other.id, "Filter": 'name = "same"'},
        {"UserPoolId": pool.id, "Filter": ""},
    ):
        refused(idp, "InvalidParameterException", idp.list_users, **members, **token)
    with time_machine.travel(timezone.now() + timedelta(hours=1, minutes=1)):
        refused(
            idp,
            "InvalidParameterException",
            idp.list_users,
            UserPoolId=pool.id,
            Filter='name = "same"',
            **token,
        )


def test_only_the_attributes_asked_for_are_shown(idp, pool, user):
    (shown,) = idp.list_users(UserPoolId=pool.id, AttributesToGet=["email"])["Users"]
    assert attributes(shown, "Attributes") == {"email": "ana@example.com"}
    refused(
        idp,
        "InvalidParameterException",
        idp.list_users,
        UserPoolId=pool.id,
        AttributesToGet=["custom:none"],
    )


@pytest.mark.parametrize("attribute", SEARCHABLE)
def test_a_search_finds_what_an_attribute_is_now(idp, pool, user, attribute):
    def write(value):
        idp.admin_update_user_attributes(
            UserPoolId=pool.id, Username=user, UserAttributes=listed(**{attribute: value})
        )

    first, second = {
        "email": ("One@example.com", "two@example.com"),
        "phone_number": ("+15550100", "+15550101"),
    }.get(attribute, ("One", "Two"))
    write(first)
    assert names(idp, pool, f'{attribute} = "{first.upper()}"') == [user]
    write(second)
    assert names(idp, pool, f'{attribute} = "{first}"') == []
    assert names(idp, pool, f'{attribute} ^= "{second[:2]}"') == [user]
    write("")
    assert names(idp, pool, f'{attribute} ^= ""') == []


def test_a_value_of_the_greatest_length_is_searchable(idp, pool):
    # Folded it is longer than an index entry may be, and hardly compressible.
    letters = "".join(chr(0x10C80 + (number * 7919) % 51) for number in range(512))
    long = {"name": letters, "given_name": "\u0390" + letters[:500]}
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="eva",
        MessageAction="SUPPRESS",
        UserAttributes=listed(**long),
    )
    for attribute, value in long.items():
        assert names(idp, pool, f'{attribute} ^= "{value[:200]}"') == ["eva"]


def test_users_of_the_version_before_get_search_keys(pool, make_user):
    make_user(pool, "ana", email="Ana@example.com", name="\u00c9va")
    PoolUser.objects.update(**dict.fromkeys(SEARCH_KEYS.values()))
    migration = importlib.import_module("userpools.migrations.0005_search_keys")
    migration.make_search_keys(apps, connection.schema_editor())
    user = PoolUser.objects.get()
    assert (user.email_key, user.name_key) == ("ana@example.com", "\u00e9va")
    assert user.given_name_key is None


# Against a filter in Python.

# Letters that fold, compose or sort in uncommon ways, and what patterns and quotes are made of.
CHARACTERS = st.one_of(
    st.sampled_from("aAbBeE\u0301\u0323éÉßẞ\u017fsSkK\u212a\u0131İiI\ufb01"),
    st.sampled_from("%_\\\"'*^= +@\ud7ff\ue000\U0001f600\U0010ffff"),
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
)
VALUES = st.text(CHARACTERS, min_size=1, max_size=4)
# Letters, marks, symbols, numbers and punctuation, as the model says.
NAMES = VALUES.filter(lambda name: all(unicodedata.category(one)[0] in "LMSNP" for one in name))
OPERATORS = ("=", "^=")
ATTRIBUTES = (*SEARCHABLE, "username", "sub", "status", "cognito:user_status")


def folded(text):
    """Unicode's canonical caseless form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


@st.composite
def people(draw):
    found = draw(
        st.lists(
            st.tuples(
                NAMES,
                st.uuids(version=4),
                st.dictionaries(st.sampled_from(SEARCHABLE), VALUES),
                st.sampled_from(UserStatus.values),
                st.booleans(),
            ),
            max_size=8,
            # In a pool that heeds case, fewer names are equal.
            unique_by=(lambda one: folded(one[0]), lambda one: one[1]),
        )
    )
    return [
        PoolUser(username=name, sub=sub, attributes=values, status=status, enabled=enabled)
        for name, sub, values, status, enabled in found
    ]


@st.composite
def searches(draw):
    """People, a filter's three parts, and the size of a page."""
    users = draw(people())
    attribute = draw(st.sampled_from(ATTRIBUTES))
    present = [text for user in users if (text := text_of(user, attribute))]
    if present and draw(st.booleans()):
        text = draw(st.sampled_from(present))
        value = text[: draw(st.integers(0, len(text)))]
        value = draw(st.sampled_from([value, text, value.upper(), value.lower(), text.swapcase()]))
    else:
        value = draw(st.text(CHARACTERS, max_size=3))
    return users, attribute, draw(st.sampled_from(OPERATORS)), value, draw(st.integers(1, 4))


def text_of(user, attribute):
    texts = {
        "username": user.username,
        "sub": str(user.sub),
        "status": "Enabled" if user.enabled else "Disabled",
        "cognito:user_status": str(user.status),
    }
    return texts.get(attribute) or user.attributes.get(attribute)


def expected(users, attribute, operator, value):
    """Return the users that a filter selects, in order."""
    heeds_case = attribute in {"username", "status"}
    form = str if heeds_case else folded

    def selected(user):
        text = text_of(user, attribute)
        if text is None:
            return False
        return form(text).startswith(form(value)) if operator == "^=" else form(text) == form(value)

    def place(user):
        if attribute in {"status", "cognito:user_status"}:
            return user.username_key
        return (form(text_of(user, attribute)), user.pk)

    return sorted(filter(selected, users), key=place)


@pytest.mark.parametrize("case_sensitive", [True, False])
def test_a_filter_selects_what_python_would(idp, make_pool, case_sensitive):
    pool = make_pool(UsernameConfiguration={"CaseSensitive": case_sensitive})

    @settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50)
    @example(([], "email", "^=", "", 1))
    @given(searches())
    def check(search):
        users, attribute, operator, value, limit = search
        PoolUser.objects.all().delete()
        for user in users:
            user.pool = pool
            user.username_key = canonical(pool, user.username)
            user.pk = None
            user.save(force_insert=True)
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        found = all_pages(
            idp, UserPoolId=pool.id, Filter=f'{attribute} {operator} "{quoted}"', Limit=limit
        )
        wanted = expected(users, attribute, operator, value)
        assert [user["Username"] for user in found] == [user.username for user in wanted]

    check()


def all_pages(idp, **members):
    found, token = [], {}
    while True:
        page = idp.list_users(**members, **token)
        assert len(page["Users"]) <= members["Limit"]
        found += page["Users"]
        if "PaginationToken" not in page:
            return found
        token = {"PaginationToken": page["PaginationToken"]}


# What the database does.

MANY = 20_000
# A page of 60, the row that says whether there is another, and a few that a filter passes over.
MOST_READ = 70
PLANS = [
    ("", "user_name_in_pool"),
    ('username = "g0010000"', "user_username"),
    ('username ^= "g001"', "user_username"),
    ('sub ^= "a"', "user_sub_in_pool"),
    ('email = "G0010000@example.com"', "user_email_key"),
    ('email ^= "g0"', "user_email_key"),
    ('email ^= ""', "user_email_key"),
    ('name = "Same"', "user_name_key"),  # everybody's
    ('name ^= "s"', "user_name_key"),
    ('given_name ^= "rare"', "user_given_name_key"),
    ('status = "Enabled"', "user_name_in_pool"),
    ('status = "Disabled"', "user_disabled"),
    ('cognito:user_status = "UNCONFIRMED"', "user_status"),
    ('cognito:user_status = "CONFIRMED"', "user_status"),
    ('cognito:user_status ^= "u"', "user_status"),
]
on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite plans in its own way"
)


@contextmanager
def statements_on(table):
    """Collect the SELECTs from a table, with their parameters."""
    found = []

    def keep(execute, sql, params, many, context):
        if f'FROM "{table}"' in sql:
            found.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        yield found


def explained(sql, params, mode):
    """Run a prepared SELECT; return its plan's indexes, and the most rows that a step reads."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL plan_cache_mode = {mode}")
        numbered = sql % tuple(f"${number}" for number in range(1, len(params) + 1))
        cursor.execute(f"PREPARE page AS {numbered}")
        places = ", ".join(["%s"] * len(params))
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page({places})", params)
        steps = [cursor.fetchone()[0][0]["Plan"]]
        cursor.execute("DEALLOCATE page")
    for step in steps:  # which grows
        steps += step.get("Plans", [])
    read = [
        (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * step["Actual Loops"]
        for step in steps
    ]
    return {step["Index Name"] for step in steps if "Index Name" in step}, max(read)


def fill(pool, numbers):
    """Copy the pool's `ana` under other names; a few are unlike the rest."""
    unlike = {
        "sub": "gen_random_uuid()",
        "username": "'g' || lpad(n::text, 7, '0')",
        "username_key": "'g' || lpad(n::text, 7, '0')",
        "email_key": "'g' || lpad(n::text, 7, '0') || '@example.com'",
        "given_name_key": "CASE WHEN n %% 5000 = 0 THEN 'rare' END",
        "enabled": "n %% 5000 <> 0",
        "status": "CASE WHEN n %% 5000 = 0 THEN 'UNCONFIRMED' ELSE 'CONFIRMED' END",
    }
    columns = [field.column for field in PoolUser._meta.concrete_fields if not field.primary_key]
    values = ", ".join(unlike.get(column, column) for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO userpools_pooluser ({', '.join(columns)}) SELECT {values}"
            " FROM userpools_pooluser, generate_series(%s, %s) AS n"
            " WHERE username = 'ana' AND pool_id = %s",
            [numbers.start, numbers.stop - 1, pool.pk],
        )


@pytest.fixture
def many(pool, make_user):
    """So many users that reading them all stands out; the planner knows of a twentieth."""
    make_user(pool, "ana", email="ana@example.com", name="Same")
    fill(pool, range(MANY // 20))
    analyze()
    fill(pool, range(MANY // 20, MANY))


def analyze():
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@pytest.mark.postgresql
@on_postgresql
@pytest.mark.parametrize("is_analyzed", [False, True])
@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
def test_a_page_is_one_walk_along_an_index(idp, pool, many, mode, is_analyzed):
    if is_analyzed:
        analyze()
    wrong = []
    for filter_, index in PLANS:
        with statements_on("userpools_pooluser") as found:
            page = idp.list_users(UserPoolId=pool.id, Filter=filter_)
            if token := page.get("PaginationToken"):
                idp.list_users(UserPoolId=pool.id, Filter=filter_, PaginationToken=token)
        for number, (sql, params) in enumerate(found):
            indexes, read = explained(sql, params, mode)
            if indexes != {index} or read > MOST_READ:
                wrong.append((filter_, number, indexes, read))
    assert wrong == []


@pytest.mark.postgresql
@on_postgresql
@pytest.mark.parametrize("modulus", [1, 4000])
@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
def test_the_members_of_a_group_are_read_by_the_page(idp, pool, many, mode, modulus):
    groups = [Group.objects.create(pool=pool, name=name) for name in ("all", "these")]
    with connection.cursor() as cursor:
        for group, step in zip(groups, (1, modulus), strict=True):
            cursor.execute(
                "INSERT INTO userpools_membership (group_id, user_id, created_at)"
                " SELECT %s, id, now() FROM userpools_pooluser WHERE id %% %s = 0",
                [group.pk, step],
            )
    analyze()
    with statements_on("userpools_membership") as found:
        page = idp.list_users_in_group(UserPoolId=pool.id, GroupName="these")
        if token := page.get("NextToken"):
            idp.list_users_in_group(UserPoolId=pool.id, GroupName="these", NextToken=token)
    assert len(found) == (2 if modulus == 1 else 1)
    for sql, params in found:
        indexes, read = explained(sql, params, mode)
        assert indexes == {"members_of_group", "userpools_pooluser_pkey"}
        assert read <= MOST_READ


def test_a_page_reads_the_users_once(idp, pool, user):
    with statements_on("userpools_pooluser") as found:
        idp.list_users(UserPoolId=pool.id)
    assert len(found) == 1
    assert "password" not in found[0][0]
