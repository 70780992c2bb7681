"""Role choice against a plain reference: what the documentation says, step by step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identitypools import roles
from identitypools.models import IdentityPool
from userpools.errors import (
    InvalidIdentityPoolConfigurationException,
    NotAuthorizedException,
)
from userpools.ports import VerifiedLogin

PROVIDER = "accounts.google.com"
DEFAULT = "arn:aws:iam::000000000000:role/default"
ARNS = [f"arn:aws:iam::000000000000:role/r{number}" for number in range(3)]
WORDS = ["admin", "ad", "min", "user", "true", "1", ""]
CLAIMS = ["group", "email", "flag", "cognito:groups"]

values = st.one_of(
    st.sampled_from(WORDS),
    st.booleans(),
    st.integers(0, 2),
    st.none(),
    st.lists(st.sampled_from(WORDS), max_size=3),
    st.just({"formatted": "admin"}),
)
rules = st.fixed_dictionaries(
    {
        "Claim": st.sampled_from(CLAIMS),
        "MatchType": st.sampled_from(["Equals", "NotEqual", "Contains", "StartsWith"]),
        "Value": st.sampled_from([word for word in WORDS if word]),
        "RoleARN": st.sampled_from(ARNS),
    }
)
mappings = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "Type": st.just("Rules"),
            "AmbiguousRoleResolution": st.sampled_from(["Deny", "AuthenticatedRole"]),
            "RulesConfiguration": st.fixed_dictionaries(
                {"Rules": st.lists(rules, min_size=1, max_size=5)}
            ),
        }
    ),
    st.fixed_dictionaries(
        {
            "Type": st.just("Token"),
            "AmbiguousRoleResolution": st.sampled_from(["Deny", "AuthenticatedRole"]),
        }
    ),
)
claims = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(CLAIMS, values),
        "cognito:roles": st.lists(st.sampled_from(ARNS), max_size=3),
        "cognito:preferred_role": st.sampled_from([*ARNS, ""]),
    },
)


def texts(value):
    """A claim as a list of texts, or None where there is nothing to compare."""
    if isinstance(value, list):
        return value or None
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, int):
        return [str(value)]
    return [value] if isinstance(value, str) else None


def reference_match(rule, known):
    found = texts(known.get(rule["Claim"]))
    if found is None:
        return False
    wanted = rule["Value"]
    if rule["MatchType"] == "Equals":
        return any(text == wanted for text in found)
    if rule["MatchType"] == "NotEqual":
        return all(text != wanted for text in found)
    if rule["MatchType"] == "Contains":
        return any(text.find(wanted) >= 0 for text in found)
    return any(text[: len(wanted)] == wanted for text in found)


def reference(mapping, known, custom):
    """The role, or "denied"."""
    fallback = mapping is None or mapping["AmbiguousRoleResolution"] == "AuthenticatedRole"
    offered, preferred = [], ""
    if mapping is not None and mapping["Type"] == "Rules":
        offered = [
            rule["RoleARN"]
            for rule in mapping["RulesConfiguration"]["Rules"]
            if reference_match(rule, known)
        ]
        preferred = offered[0] if offered else ""
    elif mapping is not None:
        offered = known.get("cognito:roles", [])
        preferred = known.get("cognito:preferred_role", "")
        if not preferred and len(set(offered)) == 1:
            preferred = offered[0]
    if custom:
        return custom if custom in offered else "denied"
    return preferred or (DEFAULT if fallback else "denied")


def login_with(known, provider=PROVIDER):
    return VerifiedLogin(
        provider=provider,
        name=provider,
        subject="s",
        reference=f"{provider}:a:s",
        names=(provider,),
        claims=known,
        default_tags={"client": "aud", "username": "sub"},
    )


def pool_with(mapping=None, **members):
    return IdentityPool(
        roles={"authenticated": DEFAULT, "unauthenticated": f"{DEFAULT}-guest"},
        role_mappings={} if mapping is None else {PROVIDER: mapping},
        **members,
    )


@given(mappings, claims, st.sampled_from(["", "", *ARNS]))
def test_the_chosen_role_is_the_references(mapping, known, custom):
    try:
        chosen = roles.choose(
            pool_with(mapping), [login_with(known)], is_guest=False, custom=custom
        ).role_arn
    except NotAuthorizedException:
        chosen = "denied"
    assert chosen == reference(mapping, known, custom)


@given(rules, claims)
def test_a_rule_matches_as_the_references_does(rule, known):
    assert roles.matches(rule, known) == reference_match(rule, known)


def test_a_guest_gets_the_guests_role_and_no_other():
    pool = pool_with()
    assert roles.choose(pool, [], is_guest=True).role_arn == f"{DEFAULT}-guest"
    with pytest.raises(NotAuthorizedException):
        roles.choose(pool, [], is_guest=True, custom=f"{DEFAULT}-guest")


def test_a_pool_without_the_role_is_wrongly_configured():
    pool = IdentityPool(roles={})
    for is_guest in (True, False):
        with pytest.raises(InvalidIdentityPoolConfigurationException):
            roles.choose(pool, [], is_guest=is_guest)


def test_the_first_login_with_a_mapping_decides():
    mapping = {"Type": "Token", "AmbiguousRoleResolution": "Deny"}
    first = login_with({"cognito:roles": [ARNS[1]]}, "graph.facebook.com")
    second = login_with({"cognito:roles": [ARNS[2]]})
    pool = pool_with(mapping)
    assert roles.choose(pool, [first, second], is_guest=False).role_arn == ARNS[2]
    pool.role_mappings["graph.facebook.com"] = mapping
    assert roles.choose(pool, [first, second], is_guest=False).role_arn == ARNS[1]


def test_a_denial_names_the_provider():
    mapping = {"Type": "Token", "AmbiguousRoleResolution": "Deny"}
    with pytest.raises(NotAuthorizedException) as caught:
        roles.choose(pool_with(mapping), [login_with({})], is_guest=False)
    assert caught.value.message == (
        f"The ambiguous role mapping rules for: {PROVIDER} denied this request."
    )


def test_a_role_says_what_led_to_it():
    rule = {"Claim": "group", "MatchType": "Equals", "Value": "admin", "RoleARN": ARNS[0]}
    mapping = {
        "Type": "Rules",
        "AmbiguousRoleResolution": "Deny",
        "RulesConfiguration": {"Rules": [{**rule, "Value": "x"}, rule]},
    }
    chosen = roles.choose(pool_with(mapping), [login_with({"group": "admin"})], is_guest=False)
    assert chosen.reason == "Rule 2: group Equals admin."


def test_default_tags_are_the_audience_and_the_subject():
    pool = pool_with(principal_tags={PROVIDER: {"UseDefaults": True, "PrincipalTags": {}}})
    tags = roles.principal_tags(pool, [login_with({"aud": "app", "sub": "me", "x": 1})])
    assert tags == {"client": "app", "username": "me"}


def test_no_map_is_no_tags():
    assert roles.principal_tags(pool_with(), [login_with({"aud": "app"})]) == {}


@pytest.mark.parametrize(
    "tags",
    [
        {"a": "v" * 257},
        {f"k{number}": "v" for number in range(51)},
        {"a": "v" * 230, "b": "v" * 230},
    ],
)
def test_tags_beyond_a_sessions_are_refused(tags):
    with pytest.raises(NotAuthorizedException):
        roles.check_tags(tags)
    roles.check_tags({"a": "v" * 256})
