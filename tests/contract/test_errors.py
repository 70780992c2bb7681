"""Every error that a model lists has one class, and says something."""

import inspect

import pytest

from userpools import errors
from userpools.awsjson.errors import PROTOCOL_ERRORS, AwsError
from userpools.awsjson.service import cognito_identity, cognito_idp

MODELLED = {
    shape.name: service.model._service_description["shapes"][shape.name]
    for service in (cognito_idp, cognito_identity)
    for operation in map(service.model.operation_model, service.model.operation_names)
    for shape in operation.error_shapes
}


def test_the_models_list_sixty_odd_errors():
    assert len(MODELLED) > 60


@pytest.mark.parametrize("name", sorted(MODELLED))
def test_every_modelled_error_has_a_class(name):
    error = getattr(errors, name)
    assert issubclass(error, AwsError)
    assert error().code == name
    assert error().message
    assert error("other").message == "other"


@pytest.mark.parametrize("name", sorted(MODELLED))
def test_the_status_is_400_unless_the_model_marks_a_fault(name):
    assert getattr(errors, name).status_code == (500 if MODELLED[name].get("fault") else 400)


def test_there_are_no_other_classes():
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, AwsError) and value is not AwsError
    }
    assert classes == set(MODELLED)


def test_protocol_errors_are_a_closed_list():
    assert {
        "SerializationException",
        "UnknownOperationException",
        "RequestEntityTooLargeException",
        "InvalidParameterException",
        "MissingAuthenticationTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "UnrecognizedClientException",
        "ExpiredTokenException",
        "AccessDeniedException",
        "ThrottlingException",
        "InternalFailure",
    } == PROTOCOL_ERRORS
