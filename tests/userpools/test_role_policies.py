"""Conditions, variables and principals, which roles' policies may use."""

import pytest

from userpools.policies import Policy, PolicyError, TrustPolicy

BUCKET = "arn:aws:s3:::photos"
SUB = "cognito-identity.amazonaws.com:sub"
AMR = "cognito-identity.amazonaws.com:amr"


def policy(*statements, **members):
    made = [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*", **statement}
        for statement in statements
    ]
    return Policy.for_roles({"Version": "2012-10-17", "Statement": made, **members})


def holds(operator, key, values, context):
    """Whether a statement under the condition applies."""
    return policy({"Condition": {operator: {key: values}}}).allows("s3:GetObject", BUCKET, context)


@pytest.mark.parametrize(
    ("operator", "values", "given", "expected"),
    [
        ("StringEquals", "red", "red", True),
        ("StringEquals", "red", "Red", False),
        ("StringEquals", "re*", "red", False),
        ("StringEquals", "re*", "re*", True),
        ("StringEquals", ["blue", "red"], "red", True),
        ("StringEquals", "red", None, False),
        ("StringNotEquals", "red", "blue", True),
        ("StringNotEquals", ["blue", "red"], "blue", False),
        ("StringNotEquals", "red", None, True),
        ("StringEqualsIgnoreCase", "red", "RED", True),
        ("StringNotEqualsIgnoreCase", "red", "RED", False),
        ("StringEqualsIfExists", "red", None, True),
        ("StringEqualsIfExists", "red", "blue", False),
        ("StringLike", "r?d*", "rad-1", True),
        ("StringLike", "r?d", "rad-1", False),
        ("StringNotLike", "r*", "blue", True),
        ("NumericEquals", 7, "7.0", True),
        ("NumericNotEquals", "7", "8", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "red", False),
        ("NumericGreaterThanEquals", "10", "10", True),
        ("DateLessThan", "2030-01-01T00:00:00Z", "2029-12-31T23:59:59Z", True),
        ("DateGreaterThan", "2030-01-01T00:00:00Z", "1893456001", True),
        ("DateEquals", "2030-01-01", "2030-01-01T00:00:00+00:00", True),
        ("Bool", "true", "true", True),
        ("Bool", True, "false", False),
        ("Bool", "true", None, False),
        ("IpAddress", "192.0.2.0/24", "192.0.2.7", True),
        ("IpAddress", ["2001:db8::/32"], "192.0.2.7", False),
        ("IpAddress", "192.0.2.0/24", "elsewhere", False),
        ("NotIpAddress", "192.0.2.0/24", "192.0.2.7", False),
        ("ArnLike", "arn:aws:iam::*:role/a*", "arn:aws:iam::1:role/a/b", True),
        ("ArnLike", "arn:aws:*::2:role/a", "arn:aws:iam::1:x:2:role/a", False),
        ("ArnEquals", "arn:aws:iam::1:role/a", "arn:aws:iam::1:role/a", True),
        ("ArnNotLike", "arn:aws:iam::1:*", "arn:aws:iam::2:x", True),
        ("Null", "true", None, True),
        ("Null", "true", "red", False),
        ("Null", False, "red", True),
    ],
)
def test_an_operator_holds_as_documented(operator, values, given, expected):
    context = {} if given is None else {"aws:principaltag/x": given}
    assert holds(operator, "aws:PrincipalTag/X", values, context) is expected


@pytest.mark.parametrize(
    ("operator", "values", "given", "expected"),
    [
        ("ForAnyValue:StringLike", "authenticated", ["authenticated", "x"], True),
        ("ForAnyValue:StringLike", "authenticated", ["unauthenticated"], False),
        ("ForAnyValue:StringLike", "authenticated", [], False),
        ("ForAnyValue:StringNotEquals", "a", ["a", "b"], True),
        ("ForAnyValue:StringNotEquals", "a", ["a"], False),
        ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a"], [], True),
        ("ForAllValues:StringNotEquals", ["a"], ["b", "a"], False),
    ],
)
def test_a_key_of_several_values_holds_for_all_or_for_any(operator, values, given, expected):
    assert holds(operator, AMR, values, {AMR: given}) is expected


@pytest.mark.parametrize(
    "statement",
    [
        {"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}},
        {"Condition": {"StringEquals": {"dynamodb:LeadingKeys": "a"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalTag/": "a"}}},
        {"Condition": {"BinaryEquals": {SUB: "a"}}},
        {"Condition": {"ForSomeValues:StringEquals": {AMR: "a"}}},
        {"Condition": {"ForAnyValue:StringEquals": {SUB: "a"}}},
        {"Condition": {"StringEquals": {AMR: "a"}}},
        {"Condition": {"StringEquals": {}}},
        {"Condition": {"StringEquals": {SUB: []}}},
        {"Condition": {"StringEquals": {SUB: {"a": "b"}}}},
        {"Condition": {"StringEquals": "a"}},
        {"Condition": []},
        {"Condition": {"NumericEquals": {SUB: "a"}}},
        {"Condition": {"NumericEquals": {SUB: "NaN"}}},
        {"Condition": {"DateEquals": {SUB: "yesterday"}}},
        {"Condition": {"Bool": {SUB: "maybe"}}},
        {"Condition": {"IpAddress": {"aws:SourceIp": "elsewhere"}}},
        {"Condition": {"ArnLike": {"aws:PrincipalArn": "nobody"}}},
        {"Condition": {"Null": {SUB: ["true", "false"]}}},
        {"Resource": f"{BUCKET}/${{aws:username}}/*"},
        {"Resource": f"{BUCKET}/${{{AMR}}}/*"},
        {"Resource": f"{BUCKET}/${{{SUB}"},
        {"Resource": f"{BUCKET}/${{}}"},
        {"Action": "s3:${aws:userid}"},
        {"Principal": "*"},
        {"NotPrincipal": "*"},
    ],
)
def test_what_is_not_evaluated_is_refused(statement):
    with pytest.raises(PolicyError):
        policy(statement)
    assert policy({})


def test_variables_need_the_newer_version():
    statement = {"Resource": f"{BUCKET}/${{{SUB}}}/*"}
    assert policy(statement)
    with pytest.raises(PolicyError):
        policy(statement, Version="2008-10-17")
    with pytest.raises(PolicyError):
        Policy.for_roles(
            {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": f"{BUCKET}/${{{SUB}}}"}}
        )


def test_access_keys_have_neither_conditions_nor_variables():
    for member in (
        {"Condition": {"StringEquals": {SUB: "a"}}},
        {"Resource": f"{BUCKET}/${{{SUB}}}/*"},
    ):
        statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", **member}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        assert Policy.for_roles(document)
        with pytest.raises(PolicyError):
            Policy.parse(document)


def test_a_variable_is_text_and_no_pattern():
    made = policy({"Resource": f"{BUCKET}/${{aws:PrincipalTag/team}}/*"})
    assert made.allows("s3:GetObject", f"{BUCKET}/red/a", {"aws:principaltag/team": "red"})
    assert not made.allows("s3:GetObject", f"{BUCKET}/red/a", {"aws:principaltag/team": "*"})
    assert made.allows("s3:GetObject", f"{BUCKET}/*/a", {"aws:principaltag/team": "*"})
    assert not made.allows("s3:GetObject", f"{BUCKET}/red/a", {"aws:principaltag/team": "r.d"})


def test_a_variable_without_a_value_matches_nothing():
    made = policy({"Resource": [f"{BUCKET}/${{{SUB}}}/*", f"{BUCKET}/public/*"]})
    assert not made.allows("s3:GetObject", f"{BUCKET}//a")
    assert made.allows("s3:GetObject", f"{BUCKET}/public/a")


def test_a_variables_default_stands_in():
    made = policy({"Resource": f"{BUCKET}/${{aws:PrincipalTag/team, 'none'}}/*"})
    assert made.allows("s3:GetObject", f"{BUCKET}/none/a")
    assert not made.allows("s3:GetObject", f"{BUCKET}/none/a", {"aws:principaltag/team": "red"})


def test_special_characters_have_variables_of_their_own():
    made = policy({"Resource": f"{BUCKET}/${{*}}${{?}}${{$}}"})
    assert made.allows("s3:GetObject", f"{BUCKET}/*?$")
    assert not made.allows("s3:GetObject", f"{BUCKET}/abc")


@pytest.mark.parametrize(
    "statement",
    [
        {"Resource": None, "NotResource": f"{BUCKET}/${{{SUB}}}/*"},
        {"Condition": {"StringNotEquals": {"s3:prefix": f"${{{SUB}}}"}}},
    ],
)
def test_an_exception_that_cannot_be_told_allows_nothing(statement):
    """A negated comparison with nothing would hold of everything."""
    given = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", **statement}
    given = {name: value for name, value in given.items() if value is not None}
    made = Policy.for_roles({"Version": "2012-10-17", "Statement": [given]})
    assert not made.allows("s3:GetObject", f"{BUCKET}/a/b", {"s3:prefix": "a"})
    assert made.allows("s3:GetObject", f"{BUCKET}/a/b", {SUB: "me", "s3:prefix": "a"})
    denied = Policy.for_roles(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {**given, "Effect": "Deny"},
            ],
        }
    )
    assert not denied.allows("s3:GetObject", f"{BUCKET}/a/b", {"s3:prefix": "a"})


def test_a_deny_under_a_condition_wins_where_it_holds():
    made = policy(
        {"Sid": "Most"},
        {"Sid": "NoGuests", "Effect": "Deny", "Condition": {"StringNotEquals": {SUB: "me"}}},
    )
    assert made.allows("s3:GetObject", BUCKET, {SUB: "me"})
    assert not made.allows("s3:GetObject", BUCKET, {SUB: "you"})
    decision = made.decide("s3:GetObject", BUCKET, {SUB: "you"})
    assert (decision.allowed, decision.statement, decision.sid) == (False, 2, "NoGuests")
    decision = made.decide("s3:GetObject", BUCKET, {SUB: "me"})
    assert (decision.allowed, decision.statement, decision.sid) == (True, 1, "Most")
    assert not made.decide("ec2:Run", BUCKET, {SUB: "me"}).is_explicit


def test_hostile_names_do_not_make_a_match_slow():
    pattern = "arn:aws:s3:::" + "*a" * 40
    made = policy(
        {"Resource": f"{pattern}${{{SUB}}}", "Condition": {"StringLike": {SUB: "*a" * 40}}}
    )
    assert not made.allows("s3:GetObject", "arn:aws:s3:::" + "a" * 5000 + "b", {SUB: "a" * 5000})


# Trust policies


def trust(**members):
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": "cognito-identity.amazonaws.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        **members,
    }
    return TrustPolicy.parse({"Version": "2012-10-17", "Statement": statement})


WEB = ("Federated", "cognito-identity.amazonaws.com")
WITH_WEB = "sts:AssumeRoleWithWebIdentity"


@pytest.mark.parametrize(
    "members",
    [
        {"Principal": None},
        {"Principal": {}},
        {"Principal": {"Service": "lambda.amazonaws.com"}},
        {"Principal": {"AWS": 1}},
        {"Principal": {"AWS": ""}},
        {"Principal": {"Federated": "*"}},
        {"Principal": {"AWS": "arn:aws:iam::000000000000:user/*"}},
        {"NotPrincipal": "*"},
        {"Resource": "*"},
        {"Condition": {"StringEquals": {"aws:PrincipalTag/x": "y"}}},
        {"Condition": {"StringEquals": {"accounts.google.com:aud": "y"}}},
    ],
)
def test_trust_that_is_not_evaluated_is_refused(members):
    with pytest.raises(PolicyError):
        trust(**members)
    assert trust()


def test_trust_is_for_the_principals_that_it_names():
    assert trust().allows(WITH_WEB, [WEB], {})
    assert not trust().allows("sts:AssumeRole", [WEB], {})
    assert not trust().allows(WITH_WEB, [("AWS", "000000000000")], {})
    assert not trust().allows(WITH_WEB, [("AWS", "cognito-identity.amazonaws.com")], {})


@pytest.mark.parametrize(
    "name", ["000000000000", "arn:aws:iam::000000000000:root", "arn:aws:iam::000000000000:user/a"]
)
def test_an_account_stands_for_everybody_in_it(name):
    made = trust(Principal={"AWS": [name]}, Action="sts:AssumeRole")
    user = [("AWS", "arn:aws:iam::000000000000:user/a"), ("AWS", "000000000000")]
    other = [("AWS", "arn:aws:iam::111111111111:user/a"), ("AWS", "111111111111")]
    assert made.allows("sts:AssumeRole", user, {})
    assert not made.allows("sts:AssumeRole", other, {})


def test_everybody_may_be_denied():
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {WEB[0]: WEB[1]}, "Action": "sts:*"},
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sts:*",
                "Condition": {"ForAnyValue:StringEquals": {AMR: "unauthenticated"}},
            },
        ],
    }
    made = TrustPolicy.parse(document)
    assert made.allows(WITH_WEB, [WEB], {AMR: ["authenticated"]})
    assert not made.allows(WITH_WEB, [WEB], {AMR: ["unauthenticated"]})
