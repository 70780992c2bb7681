"""One function behind every runner: the same events in, the same tokens out."""

import json

import pytest

from tests.triggers.test_examples import EXAMPLES
from tests.triggers.test_pre_token_generation import claims
from tests.triggers.test_runners import customer, header, invoke_api
from triggers.runners import lambda_api

SECRET = "a secret of the webhook"
LAMBDA = "arn:aws:lambda:eu-west-1:000000000000:function:remote"
# Of each token, or of the moment.
OWN = {"jti", "origin_jti", "event_id", "iat", "exp", "auth_time"}
SOURCE = """
def handler(event, context):
    event["response"] = {
        "claimsOverrideDetails": {
            "claimsToAddOrOverride": {
                "tier": event["request"]["userAttributes"].get("custom:tier") or "free",
                "greeting": "Hello " + event["userName"],
            },
            "claimsToSuppress": ["phone_number"],
        }
    }
    return event
"""
seen = []


def deployed(event, _context=None):
    """The example's like, inside the deployment and behind the loopback servers."""
    seen.append(json.loads(json.dumps(event)))
    scope = {}
    exec(SOURCE, scope)
    return scope["handler"](event, None)


@pytest.fixture
def kinds(handler, processes, make_function, loopback, pool, monkeypatch):
    """Make a function of each kind, and have the server answer as that kind's would."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    lambda_api._client.cache_clear()

    def serve(received):
        is_lambda = received.path.startswith("/2015-03-31/")
        return (invoke_api if is_lambda else customer)(received, deployed)

    loopback.answer = serve
    return {
        "node": make_function("process", str(EXAMPLES / "token-claims/index.js"), pool),
        "python file": handler("claims.py", SOURCE, pool),
        "http": make_function("http", f"{loopback.url}/hook", pool, secret=SECRET),
        "lambda": make_function("lambda", loopback.url, pool, arn=LAMBDA),
        "python": make_function("python", f"{__name__}.deployed", pool),
    }


def test_every_runner_gives_the_same_tokens(idp, pool, client, make_user, sign_in, kinds, loopback):
    idp.add_custom_attributes(
        UserPoolId=pool.id, CustomAttributes=[{"Name": "tier", "AttributeDataType": "String"}]
    )
    pool.refresh_from_db()
    make_user(pool, "ana", email="ana@example.com", phone_number="+15550001234")
    seen.clear()
    signed_in = {}
    for kind, function in kinds.items():
        idp.update_user_pool(UserPoolId=pool.id, LambdaConfig={"PreTokenGeneration": function.arn})
        made = sign_in(client, "ana")
        signed_in[kind] = [
            {name: value for name, value in claims(made[token]).items() if name not in OWN}
            for token in ("IdToken", "AccessToken")
        ]
    of_id, of_access = signed_in["node"]
    assert (of_id["tier"], of_id["greeting"]) == ("free", "Hello ana")
    assert "phone_number" not in of_id
    assert "tier" not in of_access
    assert list(signed_in.values()) == [[of_id, of_access]] * len(kinds)
    # http, lambda and python were told the same, word for word.
    assert len(seen) == 3
    assert seen == [seen[0]] * 3
    assert header(loopback.requests[0], "X-Poolhouse-Signature")


def test_a_changed_handler_file_makes_the_next_tokens(idp, pool, client, make_user, sign_in, kinds):
    make_user(pool, "ana")
    function = kinds["python file"]
    idp.update_user_pool(UserPoolId=pool.id, LambdaConfig={"PreTokenGeneration": function.arn})
    assert claims(sign_in(client, "ana")["IdToken"])["tier"] == "free"
    with open(function.target, "w") as file:
        file.write(SOURCE.replace('"free"', '"gold"'))
    assert claims(sign_in(client, "ana")["IdToken"])["tier"] == "gold"
