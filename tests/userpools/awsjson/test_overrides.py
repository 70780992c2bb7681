import time

import pytest
import regex
from botocore.loaders import Loader
from botocore.model import ServiceModel

from userpools.awsjson import overrides
from userpools.awsjson.patterns import matcher, translate
from userpools.awsjson.service import Operation, cognito_idp
from userpools.awsjson.throttling import Category
from userpools.awsjson.validation import checker

MODEL = ServiceModel(Loader().load_service_model("cognito-idp", "service-2"), "cognito-idp")
LINK_MESSAGE = MODEL.shape_for("EmailVerificationMessageByLinkType").metadata["pattern"]


def violations(shape, value):
    found = []
    checker("cognito-idp", MODEL.shape_for(shape))(value, "x", found)
    return [text for _, text, _ in found]


def test_every_override_names_a_shape_of_the_pinned_model():
    for table in (overrides.SHAPES, overrides.EXTRA_ENUM):
        assert set(table["cognito-idp"]) <= set(MODEL.shape_names)


def test_passwords_may_have_inner_spaces():
    assert violations("PasswordType", "correct horse battery") == []


@pytest.mark.parametrize("password", [" leading1", "trailing1 ", "\tleading1"])
def test_passwords_may_not_have_outer_spaces(password):
    assert violations("PasswordType", password) == [
        r"Member must satisfy regular expression pattern: ^[\S]+.*[\S]+$"
    ]


def test_passwords_have_at_least_six_characters():
    assert violations("PasswordType", "abcde") == [
        "Member must have length greater than or equal to 6"
    ]


def test_custom_domains_may_have_dots():
    assert violations("DomainType", "auth.example.com") == []
    assert violations("DomainType", "my-prefix") == []


@pytest.mark.parametrize("domain", ["a..b", ".a", "a.", "A.b", "-a.b", "a-.b", "a_b"])
def test_domains_are_host_names(domain):
    assert violations("DomainType", domain)


def test_answers_may_name_every_attribute_of_a_full_schema():
    full = [{"Name": "phone_number_verified"}] * 21 + [{"Name": f"dev:custom:{'x' * 20}"}] * 50
    assert violations("SchemaAttributesListType", full) == []
    assert violations("SchemaAttributesListType", [*full, {"Name": "one"}])
    assert violations("CustomAttributeNameType", "x" * 32)


def test_the_flow_that_get_client_token_demands_is_a_flow():
    assert violations("ExplicitAuthFlowsListType", ["ALLOW_CLIENT_TOKEN_AUTH"]) == []
    assert violations("ExplicitAuthFlowsListType", ["ALLOW_ANYTHING"])


@pytest.mark.parametrize(
    "text",
    [
        "{####}",
        "x {##click##} y",
        "{##a{##b##}##}",
        "{##}",
        "{###}",
        "##}{##",
        "plain",
        "",
        "{##a##}\x00",
        "{##a\n##}",
        "\u200b{##a##}",
        "{## ##",
        "a##}b{##c##}",
    ],
)
def test_the_linear_pattern_accepts_what_the_model_accepts(text):
    original = regex.compile(translate(LINK_MESSAGE)).fullmatch(text)
    assert bool(matcher(LINK_MESSAGE)(text)) is bool(original)


def test_no_pattern_takes_long_on_hostile_values():
    hostile = ["{##" * 6_600, "a" * 20_000, "{####}" * 3_000, "#}" * 10_000, "a:" * 10_000]
    started = time.process_time()
    for shape in map(MODEL.shape_for, MODEL.shape_names):
        if "pattern" in shape.metadata:
            for value in hostile:
                violations(shape.name, value[: shape.metadata.get("max", 20_000)] + " ")
                violations(shape.name, value[: shape.metadata.get("max", 20_000) - 1] + " ")
    assert time.process_time() - started < 10


def test_admin_create_user_may_say_that_an_alias_is_taken():
    served = Operation(
        cognito_idp,
        cognito_idp.model.operation_model("AdminCreateUser"),
        lambda call: None,
        category=Category.USER_CREATION,
        resource=None,
    )
    assert "AliasExistsException" in served.allowed_errors
    assert "CodeMismatchException" not in served.allowed_errors
