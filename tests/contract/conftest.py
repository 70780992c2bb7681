"""Speaks to the real URL configuration, as a caller who may do anything."""

from dataclasses import fields

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.test import Client

from userpools.awsjson import configure, current
from userpools.awsjson.service import Caller
from userpools.awsjson.sigv4 import Credential

KEY_ID = "AKIACONTRACT"
SECRET = "contract-secret"
MEDIA_TYPE = "application/x-amz-json-1.1"


class EveryKey:
    def resolve(self, access_key_id, session_token):
        account = current().account_id
        caller = Caller(access_key_id, f"arn:aws:iam::{account}:user/c", "AIDAC", account)
        return Credential(access_key_id, SECRET, caller)


class EveryAction:
    def authorize(self, caller, action, resource):
        return True


@pytest.fixture
def anything_goes():
    """Let every signed call through, whoever signs."""
    before = current()
    configure(credential_resolvers=[EveryKey()], authorizer=EveryAction(), check_output=True)
    yield
    configure(**{field.name: getattr(before, field.name) for field in fields(before)})


@pytest.fixture
def post():
    """Post a body to an operation; signed on request."""

    def send(operation, body, *, signed):
        headers = {
            "Host": "testserver",
            "X-Amz-Target": f"{operation.service.target_prefix}.{operation.name}",
        }
        if signed:
            request = AWSRequest("POST", "http://testserver/", headers=headers, data=body)
            credentials = Credentials(KEY_ID, SECRET)
            SigV4Auth(credentials, operation.signing_name, "us-east-1").add_auth(request)
            headers = dict(request.headers.items())
        return Client().post("/", body, content_type=MEDIA_TYPE, headers=headers)

    return send
