from datetime import UTC, datetime

import pytest

from userpools.awsjson.errors import InternalErrorException, InternalServerException
from userpools.awsjson.output import serializer
from userpools.awsjson.service import (
    Service,
    Signature,
    cognito_identity,
    cognito_idp,
    signature_of,
)
from userpools.awsjson.throttling import Category


def register(function, name="DeleteGroup"):
    Service("cognito-idp").operation(name, category=Category.USER_POOL_RESOURCE_UPDATE)(function)


def test_the_members_of_the_model_are_the_arguments():
    def delete_group(call, *, user_pool_id, group_name):
        pass

    register(delete_group)


def test_a_function_may_take_the_rest_together():
    def create_user_pool(call, *, pool_name, **settings):
        pass

    register(create_user_pool, "CreateUserPool")


def missing(call, *, user_pool_id):
    pass


def unknown(call, *, user_pool_id, group_name, colour=""):
    pass


def defaulted(call, *, user_pool_id, group_name=""):
    pass


def positional(call, user_pool_id, group_name):
    pass


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (missing, "group_name is missing"),
        (unknown, "colour is no member"),
        (defaulted, "group_name is required and has a default"),
        (positional, "group_name must be keyword-only"),
    ],
)
def test_a_signature_that_differs_from_the_model_is_refused(function, complaint):
    with pytest.raises(TypeError, match=complaint):
        register(function)


def test_an_optional_member_needs_a_default():
    def list_groups(call, *, user_pool_id, limit, next_token=""):
        pass

    with pytest.raises(TypeError, match="limit is optional and has no default"):
        register(list_groups, "ListGroups")


def test_an_unknown_operation_cannot_be_registered():
    with pytest.raises(TypeError, match="has no operation Nothing"):
        register(missing, "Nothing")


def test_an_operation_is_registered_once():
    service = Service("cognito-idp")

    def delete_group(call, *, user_pool_id, group_name):
        pass

    decorate = service.operation("DeleteGroup", category=Category.USER_POOL_RESOURCE_UPDATE)
    assert decorate(delete_group) is delete_group
    with pytest.raises(TypeError, match="served twice"):
        decorate(delete_group)


def test_the_target_prefixes_are_the_models():
    assert cognito_idp.target_prefix == "AWSCognitoIdentityProviderService"
    assert cognito_identity.target_prefix == "AWSCognitoIdentityService"


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("InitiateAuth", Signature.NONE),
        ("AdminInitiateAuth", Signature.REQUIRED),
        ("GetClientToken", Signature.OPTIONAL),
        ("GetDerivedToken", Signature.OPTIONAL),
        ("ListUserSessions", Signature.NONE),
    ],
)
def test_the_model_says_who_signs(name, signature):
    assert signature_of(cognito_idp.model.operation_model(name)) is signature


def test_a_fault_bears_the_name_that_the_operation_lists():
    service = Service("cognito-idp")

    @service.operation("DeleteUserPoolClientSecret", category=Category.USER_POOL_CLIENT_UPDATE)
    def delete_secret(call, *, user_pool_id, client_id, client_secret_id):
        pass

    @service.operation("DeleteGroup", category=Category.USER_POOL_RESOURCE_UPDATE)
    def delete_group(call, *, user_pool_id, group_name):
        pass

    assert service.operations["DeleteUserPoolClientSecret"].fault is InternalServerException
    assert service.operations["DeleteGroup"].fault is InternalErrorException


def test_output_is_written_as_the_wire_has_it():
    serialize = serializer(cognito_idp.model.shape_for("UserType"))
    assert serialize(
        {
            "Username": "joe",
            "Enabled": None,
            "UserCreateDate": datetime(2026, 1, 2, 3, 4, 5, 678_999, UTC),
            "Attributes": [{"Name": "sub", "Value": None, "Extra": 1}],
            "Extra": 1,
        }
    ) == {
        "Username": "joe",
        "UserCreateDate": 1767323045.679,
        "Attributes": [{"Name": "sub"}],
    }


def test_blobs_are_written_in_base64():
    serialize = serializer(cognito_idp.model.shape_for("AssetType"))
    assert serialize({"Bytes": b"\x00\xff"}) == {"Bytes": "AP8="}
