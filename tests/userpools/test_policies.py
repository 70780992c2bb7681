import json
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from userpools import policies
from userpools.policies import FULL_ACCESS, PASS_ROLE, Policy, PolicyError

POOL = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_AbCdEf123"
OTHER = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_Zzzzzzzzz"
GET, CREATE = "cognito-idp:AdminGetUser", "cognito-idp:CreateGroup"


def statement(**members):
    return {"Effect": "Allow", "Action": "*", "Resource": "*"} | members


def policy(*statements):
    return Policy.parse({"Version": "2012-10-17", "Statement": list(statements)})


def naive(pattern, text):
    """Match one character at a time, by the definition."""
    reached = {0}
    for char in pattern:
        if char == "*":
            reached = set(range(min(reached), len(text) + 1)) if reached else set()
        else:
            reached = {
                at + 1
                for at in reached
                if text[at : at + 1] == char or (char == "?" and at < len(text))
            }
    return len(text) in reached


@given(st.text("ab*?.\n[", max_size=10), st.text("ab.\n[", max_size=12))
@example("*ab*ab*b", "aababb")
@example("*?a", "a")
@example("a?*?a", "aba")
def test_resources_match_as_the_definition_says(pattern, text):
    allows = policy(statement(Resource="arn:" + pattern)) if pattern else None
    if allows:
        assert allows.allows(GET, "arn:" + text) is naive(pattern, text)


@given(st.text("abAB*?", min_size=1, max_size=8), st.text("abAB", max_size=10))
def test_actions_match_in_either_case(pattern, text):
    allowed = policy(statement(Action="s:" + pattern)).allows("S:" + text, POOL)
    assert allowed is naive(pattern.lower(), text.lower())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Allow", "Deny"]),
            st.sampled_from(["Action", "NotAction"]),
            st.lists(st.sampled_from(["*", "s:*", "s:a*", "s:ab", "t:?"]), min_size=1, max_size=3),
            st.sampled_from(["Resource", "NotResource"]),
            st.lists(st.sampled_from(["*", "arn:*", "arn:a", "arn:?b"]), min_size=1, max_size=3),
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["s:a", "s:ab", "t:x", "u:y"]),
    st.sampled_from(["arn:a", "arn:ab", "arn:", "x"]),
)
def test_a_whole_policy_decides_as_the_definition_says(statements, action, resource):
    def applies(a_name, actions, r_name, resources):
        return any(naive(each, action) for each in actions) is (a_name == "Action") and any(
            naive(each, resource) for each in resources
        ) is (r_name == "Resource")

    effects = {effect for effect, *rest in statements if applies(*rest)}
    compiled = policy(*({"Effect": e, a: x, r: y} for e, a, x, r, y in statements))
    assert compiled.allows(action, resource) is (effects == {"Allow"})
    if compiled.allows(action, resource):
        assert compiled.allows_somewhere(action)


def test_full_access_allows_everything():
    assert FULL_ACCESS.allows(GET, POOL)
    assert FULL_ACCESS.allows(PASS_ROLE, "arn:aws:iam::000000000000:role/any")
    assert FULL_ACCESS.allows_somewhere(GET)


def test_a_policy_for_one_pool_opens_no_other():
    scoped = policy(statement(Action="cognito-idp:*", Resource=POOL))
    assert scoped.allows(GET, POOL)
    assert not scoped.allows(GET, OTHER)
    assert not scoped.allows(GET, POOL + "/x")
    assert not scoped.allows(GET, "x" + POOL)
    assert not scoped.allows(GET, POOL.lower())
    assert not scoped.allows(GET, POOL + "\n")
    assert not scoped.allows("cognito-identity:ListIdentities", POOL)


def test_what_nothing_allows_is_denied():
    denies = policy(statement(Effect="Deny", Action=CREATE))
    assert not denies.allows(GET, POOL)
    assert not denies.allows_somewhere(GET)


def test_a_deny_wins_wherever_it_stands():
    allow, deny = statement(), statement(Effect="Deny", Action="cognito-idp:Create*")
    for ordered in ([allow, deny], [deny, allow]):
        assert policy(*ordered).allows(GET, POOL)
        assert not policy(*ordered).allows(CREATE, POOL)


def test_an_action_is_not_matched_by_letters_of_other_scripts():
    allows = policy(statement(Action="cognito-idp:ListGroups"))
    assert allows.allows("Cognito-IDP:listgroups", POOL)
    assert not allows.allows("cognito-idp:Li\u017ftGroups", POOL)


def test_not_action_and_not_resource_take_out():
    but = policy({"Effect": "Allow", "NotAction": "cognito-idp:Delete*", "NotResource": OTHER})
    assert but.allows(GET, POOL)
    assert not but.allows("cognito-idp:DeleteUserPool", POOL)
    assert not but.allows(GET, OTHER)


def test_passing_a_role_is_an_action_on_the_role():
    passes = policy(
        statement(Action="cognito-idp:*"),
        statement(Action=PASS_ROLE, Resource="arn:aws:iam::000000000000:role/app-*"),
    )
    assert passes.allows(PASS_ROLE, "arn:aws:iam::000000000000:role/app-reader")
    assert not passes.allows(PASS_ROLE, "arn:aws:iam::000000000000:role/admin")
    assert not policy(statement(Action="cognito-idp:*")).allows(PASS_ROLE, "arn:aws:iam::1:role/x")


@pytest.mark.parametrize(
    ("denied", "expected"),
    [("*", False), (["arn:aws:x", "**"], False), (POOL, True), ("arn:*", True)],
)
def test_a_list_is_refused_only_when_the_deny_is_for_everything(denied, expected):
    lists = policy(statement(), statement(Effect="Deny", Action=GET, Resource=denied))
    assert lists.allows_somewhere(GET) is expected
    assert lists.allows_somewhere(CREATE)


def test_a_single_statement_and_a_missing_version_are_accepted():
    assert Policy.parse({"Statement": statement(Sid="Only one")}).allows(GET, POOL)
    assert Policy.parse(json.dumps({"Id": "x", "Statement": [statement()]})).allows(GET, POOL)


def test_equal_documents_are_compiled_once():
    text = json.dumps({"Statement": statement(Action=GET)})
    assert Policy.parse(text) is Policy.parse(text)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Condition": {}}, "Condition"),
        ({"Principal": "*"}, "Principal"),
        ({"NotPrincipal": "*"}, "NotPrincipal"),
        ({"Effect": "allow"}, "Effect"),
        ({"Effect": None}, "Effect"),
        ({"Effect": ["Allow"]}, "Effect"),
        ({"Action": []}, "Action"),
        ({"Action": {}}, "Action"),
        ({"Action": [1]}, "Action"),
        ({"Action": ""}, "Action"),
        ({"Action": "CreateGroup"}, "Action"),
        ({"Action": "a:b c"}, "Action"),
        ({"Action": "a:b\n"}, "Action"),
        ({"NotAction": "a:b"}, "either Action or NotAction"),
        ({"Resource": []}, "Resource"),
        ({"Resource": "us-east-1_AbCdEf123"}, "Resource"),
        ({"Resource": "arn:aws:iam::1:user/${aws:username}"}, "variable"),
        ({"NotResource": "*"}, "either Resource or NotResource"),
        ({"Recource": "*"}, "unknown member: 'Recource'"),
    ],
)
def test_what_is_not_evaluated_is_refused(members, message):
    with pytest.raises(PolicyError, match=re.escape(message)):
        policy(statement(), statement(**members))


@pytest.mark.parametrize("missing", ["Effect", "Action", "Resource"])
def test_a_statement_is_complete_or_refused(missing):
    members = statement()
    del members[missing]
    with pytest.raises(PolicyError, match=missing):
        policy(members)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "x",
        "[]",
        "null",
        "{}",
        '{"Statement": []}',
        '{"Statement": "x"}',
        '{"Statement": ["x"]}',
        '{"Version": "2020-01-01", "Statement": {}}',
        '{"Version": [], "Statement": {}}',
        '{"Statement": [], "Statment": []}',
        "[" * 20_000,
        '{"Statement": {"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}}',
        json.dumps({"Statement": [statement()] * 101}),
        json.dumps({"Statement": statement(Sid="x" * 20_480)}),
        {"Statement": {1, 2}},
        {"Statement": statement(Sid="x" * 20_480)},
    ],
)
def test_a_malformed_document_is_refused(document):
    with pytest.raises(PolicyError):
        Policy.parse(document)


def test_a_document_of_full_size_is_accepted():
    text = json.dumps({"Statement": [statement(Action=GET, Resource=POOL)] * 100})
    assert Policy.parse(text.ljust(policies.MAX_DOCUMENT_CHARS)).allows(GET, POOL)


def test_a_hostile_resource_does_not_make_the_match_backtrack():
    hostile = policy(statement(Resource="arn:" + "*a" * 200 + "*b"))
    started = time.process_time()
    assert not hostile.allows(GET, "arn:" + "a" * 20_000)
    assert time.process_time() - started < 1
