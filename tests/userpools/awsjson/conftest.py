"""A private service with a few operations, and a client that signs as botocore does."""

import json
from dataclasses import fields

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.test import RequestFactory

from userpools.awsjson import configure, current
from userpools.awsjson.errors import AwsError, TooManyRequestsException
from userpools.awsjson.permissions import any_resource
from userpools.awsjson.service import Caller, Service
from userpools.awsjson.sigv4 import Credential
from userpools.awsjson.throttling import Category
from userpools.awsjson.views import ServiceView

ACCOUNT = "123456789012"
HOST = "testserver"
KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MEDIA_TYPE = "application/x-amz-json-1.1"
PREFIX = "AWSCognitoIdentityProviderService"
CALLER = Caller(KEY_ID, f"arn:aws:iam::{ACCOUNT}:user/alice", "AIDAALICE", ACCOUNT)


class GroupExistsException(AwsError):
    default_message = "A group with the name already exists."


class Keys:
    """Resolves one key; a session token belongs to none."""

    def resolve(self, access_key_id, session_token):
        if access_key_id != KEY_ID or session_token not in (None, "session-token"):
            return None
        return Credential(KEY_ID, SECRET, CALLER)


class Policies:
    """Allows what the test says, and remembers what was asked."""

    def __init__(self):
        self.asked = []
        self.allowed = True

    def authorize(self, caller, action, resource):
        self.asked.append((caller.access_key_id, action, resource))
        return self.allowed


class Rates:
    """Refuses the pools and accounts that the test names."""

    def __init__(self):
        self.taken = []
        self.empty = set()

    def take(self, operation, account_id, region, pool_id):
        self.taken.append((operation.category, account_id, region, pool_id))
        return (pool_id or account_id) not in self.empty


class Wire:
    """Calls the view as a client on the network would."""

    def __init__(self, service):
        self.view = ServiceView.as_view(services=(service,))
        self.factory = RequestFactory()

    def send(self, body, headers, *, method="post", path="/"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        meta = {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in headers.items()}
        content_type = meta.pop("HTTP_CONTENT_TYPE", MEDIA_TYPE)
        meta["HTTP_HOST"] = meta.get("HTTP_HOST", HOST)
        request = self.factory.generic(
            method.upper(), path, data, content_type=content_type, **meta
        )
        return self.view(request)

    def unsigned(self, operation, body, **headers):
        return self.send(body, {"X-Amz-Target": f"{PREFIX}.{operation}", **headers})

    def signed(self, operation, body, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send(data, sign(operation, data, **headers))


def sign(operation, body, *, region="us-east-1", service="cognito-idp", token=None, **headers):
    """Sign with botocore's own signer; answers the headers to send."""
    request = AWSRequest(
        "POST",
        f"http://{HOST}/",
        headers={
            "Host": HOST,
            "Content-Type": MEDIA_TYPE,
            "X-Amz-Target": f"{PREFIX}.{operation}",
            **headers,
        },
        data=body,
    )
    SigV4Auth(Credentials(KEY_ID, SECRET, token), service, region).add_auth(request)
    return dict(request.headers.items())


@pytest.fixture
def policies():
    return Policies()


@pytest.fixture
def rates():
    return Rates()


@pytest.fixture(autouse=True)
def configuration(policies, rates):
    """Configure the protocol for one test; answers `configure` for more of it."""
    before = current()
    configure(
        credential_resolvers=[Keys()],
        authorizer=policies,
        limiter=rates,
        client_address=lambda request: request.META["REMOTE_ADDR"],
        region_allowed=lambda region: region != "mars-north-1",
        default_region="eu-west-1",
        account_id=ACCOUNT,
        check_output=True,
        observer=None,
    )
    yield configure
    configure(**{field.name: getattr(before, field.name) for field in fields(before)})


@pytest.fixture
def calls():
    """What the toy operations were called with."""
    return []


@pytest.fixture
def service(calls):
    """Real operation names, served by functions of the test."""
    toy = Service("cognito-idp")

    @toy.operation("CreateGroup", category=Category.USER_POOL_RESOURCE_UPDATE)
    def create_group(
        call, *, user_pool_id, group_name, description="", role_arn="", precedence=None
    ):
        calls.append((call, user_pool_id, group_name, description, precedence))
        if group_name == "taken":
            raise GroupExistsException
        if group_name == "busy":
            raise TooManyRequestsException
        if group_name == "crash":
            raise RuntimeError("secret detail")
        return {"Group": {"GroupName": group_name, "UserPoolId": user_pool_id, "Unknown": 1}}

    @toy.operation("ListUserPools", category=Category.USER_POOL_READ, resource=any_resource)
    def list_user_pools(call, *, max_results, next_token=""):
        calls.append((call, max_results))
        return {"UserPools": []}

    @toy.operation("SignUp", category=Category.USER_CREATION)
    def sign_up(call, *, client_id, username, **settings):
        calls.append((call, settings))
        return {"UserConfirmed": False, "UserSub": "sub"}

    @toy.operation("RespondToAuthChallenge", category=Category.USER_AUTHENTICATION_RESPONSE)
    def respond(call, *, client_id, challenge_name, **settings):
        calls.append((call, settings))

    @toy.operation("SetUserSettings", category=Category.USER_UPDATE)
    def set_user_settings(call, *, access_token, mfa_options):
        calls.append((call, mfa_options))

    @toy.operation("GetClientToken", category=Category.CLIENT_AUTHENTICATION)
    def get_client_token(call, **settings):
        calls.append((call, settings))
        return {}

    return toy


@pytest.fixture
def wire(service):
    return Wire(service)
