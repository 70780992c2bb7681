"""What must be true of every operation of both services."""

import json

import pytest
from django.apps import apps
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings

from tests.contract.conftest import MEDIA_TYPE
from tests.contract.malformed import malformed, strange
from tests.contract.planned import PLANNED
from userpools.awsjson.service import (
    Operation,
    Signature,
    cognito_identity,
    cognito_idp,
    signature_of,
)

SERVICES = {service.name: service for service in (cognito_idp, cognito_identity)}
OPERATIONS = [
    pytest.param(operation, id=f"{service.name}-{name}")
    for service in SERVICES.values()
    for name, operation in sorted(service.operations.items())
]
# A fixed number of examples, the same in every run.
BUDGET = settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_the_models_have_164_operations():
    assert sum(len(service.model.operation_names) for service in SERVICES.values()) == 164


@pytest.mark.parametrize("name", SERVICES)
def test_every_operation_of_the_model_is_served_or_planned(name):
    service = SERVICES[name]
    assert set(service.model.operation_names) == set(service.operations) | PLANNED[name]


@pytest.mark.parametrize("name", SERVICES)
def test_no_operation_is_both_served_and_planned(name):
    assert not set(SERVICES[name].operations) & PLANNED[name]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_not_served_is_an_unknown_operation(name):
    for planned in [*PLANNED[name], "NoSuchOperation"]:
        target = f"{SERVICES[name].target_prefix}.{planned}"
        response = Client().post(
            "/", b"{}", content_type=MEDIA_TYPE, headers={"X-Amz-Target": target}
        )
        assert response.status_code == 400
        assert json.loads(response.content)["__type"] == "UnknownOperationException"


@pytest.mark.parametrize("name", SERVICES)
def test_the_unsigned_operations_are_the_models(name):
    model = SERVICES[name].model
    for operation in map(model.operation_model, model.operation_names):
        unsigned = operation.auth_type == "none" or operation.auth == ["smithy.api#noAuth"]
        optional = operation.name in {"GetClientToken", "GetDerivedToken"}
        expected = (
            Signature.NONE if unsigned else Signature.OPTIONAL if optional else Signature.REQUIRED
        )
        assert signature_of(operation) is expected


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_signature_is_demanded_as_modelled(post, operation: Operation):
    response = post(operation, b"{", signed=False)
    assert response.status_code == 400
    code = json.loads(response.content)["__type"]
    if operation.signature is Signature.REQUIRED:
        assert code == "MissingAuthenticationTokenException"
    else:
        assert code == "SerializationException"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_fault_has_a_name_that_the_operation_lists(operation: Operation):
    assert operation.fault.__name__ in {shape.name for shape in operation.model.error_shapes}


def check_refused(operation, response, body):
    seen = (response.content, body[:2000])
    assert 400 <= response.status_code < 500, seen
    assert json.loads(response.content)["__type"] in operation.allowed_errors, seen
    assert response["x-amzn-RequestId"]
    assert response["Access-Control-Allow-Origin"] == "*"


def rows():
    """How many rows each table of ours has."""
    models = [
        model
        for label in ("userpools", "identitypools")
        for model in apps.get_app_config(label).get_models()
    ]
    return {model.__name__: model.objects.count() for model in models if model._meta.managed}


@pytest.mark.django_db
@pytest.mark.usefixtures("anything_goes")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_malformed_input_is_a_modelled_client_error(post, operation: Operation):
    before = rows()

    @BUDGET
    @given(malformed(operation.service.name, operation.model.input_shape))
    def refused(body):
        response = post(operation, body, signed=operation.signature is not Signature.NONE)
        check_refused(operation, response, body)

    refused()
    assert rows() == before


@pytest.mark.django_db
@pytest.mark.usefixtures("anything_goes")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_strange_input_is_never_a_fault(post, operation: Operation):
    @BUDGET
    @given(strange(operation.service.name, operation.model.input_shape))
    def survived(body):
        response = post(operation, body, signed=operation.signature is not Signature.NONE)
        if response.status_code != 200:
            check_refused(operation, response, body)

    survived()
