"""One and the same custom sign-in, by functions of every kind."""

import json
from pathlib import Path

import pytest

from tests.calls import refused
from tests.triggers import sum_challenge
from tests.triggers.custom_sign_in import TRIGGERS, CustomSignIn
from tests.triggers.sum_challenge import ANSWER
from tests.triggers.test_runners import SECRET, customer
from triggers.models import Invocation
from triggers.runners import lambda_api

REMOTE = "arn:aws:lambda:us-east-1:000000000000:function:remote"
WRONG = "Incorrect username or password."


def invoke_api(received):
    """AWS Lambda's Invoke."""
    assert received.path == f"/2015-03-31/functions/{REMOTE.replace(':', '%3A')}/invocations"
    return 200, {}, json.dumps(sum_challenge.handler(json.loads(received.body))).encode()


@pytest.fixture
def function_of(pool, make_function, handler, loopback, monkeypatch):
    """Make the function of a kind."""

    def make(kind):
        if kind == "process":
            return handler("sums.py", Path(sum_challenge.__file__).read_text(), pool)
        if kind == "python":
            return make_function("python", f"{sum_challenge.__name__}.handler", pool)
        if kind == "http":
            loopback.answer = lambda received: customer(received, sum_challenge.handler)
            return make_function("http", f"{loopback.url}/sums", pool, secret=SECRET)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
        lambda_api._client.cache_clear()
        loopback.answer = invoke_api
        return make_function("lambda", loopback.url, pool, arn=REMOTE)

    return make


@pytest.mark.parametrize("kind", ["process", "python", "http", "lambda"])
def test_functions_of_every_kind_ask_and_judge(idp, pool, make_client, user, function_of, kind):
    arn = function_of(kind).arn
    idp.update_user_pool(UserPoolId=pool.pk, LambdaConfig=dict.fromkeys(TRIGGERS, arn))
    client = make_client(pool, ExplicitAuthFlows=["CUSTOM_AUTH_FLOW_ONLY"])

    wrong = CustomSignIn(idp, client)
    wrong.begin()
    for _ in range(sum_challenge.TRIES - 1):
        assert wrong.answer("four")["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert refused(idp, "NotAuthorizedException", wrong.answer, text="four") == WRONG

    right = CustomSignIn(idp, client)
    assert right.begin()["ChallengeParameters"] == {"question": "2+3", "USERNAME": "ana"}
    right.answer("four")
    assert right.answer(ANSWER)["AuthenticationResult"]["AccessToken"]
    assert set(Invocation.objects.values_list("outcome", flat=True)) == {"succeeded"}
