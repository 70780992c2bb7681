"""The generator of malformed input means what it says."""

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from tests.contract.malformed import cases, valid
from userpools.awsjson.errors import AwsError
from userpools.awsjson.parsers import parse
from userpools.awsjson.validation import checker, refuse

INPUTS = [
    pytest.param(name, model.operation_model(operation).input_shape, id=f"{name}-{operation}")
    for name in ("cognito-idp", "cognito-identity")
    for model in [ServiceModel(Loader().load_service_model(name, "service-2"), name)]
    for operation in model.operation_names
    if model.operation_model(operation).input_shape is not None
]


def check(service, shape, value):
    violations = []
    checker(service, shape)(value, "", violations)
    refuse(violations)


@pytest.mark.parametrize(("service", "shape"), INPUTS)
def test_valid_values_are_valid(service, shape):
    check(service, shape, valid(service, shape))
    check(service, shape, valid(service, shape, everything=True))


@pytest.mark.parametrize(("service", "shape"), INPUTS)
def test_malformed_bodies_are_refused_by_the_gate(service, shape):
    for body in cases(service, shape):
        with pytest.raises(AwsError):
            check(service, shape, parse(body))
