"""STS as boto3 sees it, and requests that no SDK would send."""

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests import in_process
from userpools.models import AccessKey

FORM = "application/x-www-form-urlencoded; charset=utf-8"


@pytest.fixture
def sts(signed_client, operator):
    return signed_client("sts", operator=operator)


@pytest.fixture
def credentials(operator):
    key, secret = AccessKey.issue(operator)
    return Credentials(key.access_key_id, secret)


class Sender:
    """Sends a form or a query; `presigned` puts the signature into the query."""

    def __init__(self, application):
        self.application = application

    def __call__(self, body="", **options):
        return self.answer(self.signed(body, **options))

    def answer(self, request):
        return in_process.answer(self.application, request)

    def signed(
        self, body="", *, query="", credentials=None, presigned=False, service="sts", headers=None
    ):
        method = "POST" if body else "GET"
        url = f"{in_process.ENDPOINT}/" + (f"?{query}" if query else "")
        request = AWSRequest(method, url, data=body, headers=headers or {})
        if body:
            request.headers["Content-Type"] = FORM
        if credentials is not None:
            signer = SigV4QueryAuth if presigned else SigV4Auth
            signer(credentials, service, "us-east-1").add_auth(request)
        return request.prepare()


@pytest.fixture
def send(application):
    return Sender(application)
