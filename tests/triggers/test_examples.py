"""The examples do what their README says."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import triggers
from triggers.models import Invocation
from triggers.runners.base import FunctionError
from triggers.runners.process import ProcessRunner

EXAMPLES = Path(triggers.__file__).parent / "examples"


@pytest.fixture
def example(processes, make_function, people):
    def make(path, **columns):
        return make_function("process", str(EXAMPLES / path), people, **columns)

    return make


def test_claims_are_added_and_taken_out(example, use, invoke):
    use(example("token-claims/index.js"), "PreTokenGeneration")
    request = {"userAttributes": {"custom:tier": "gold"}, "groupConfiguration": None}
    answer = invoke("TokenGeneration_Authentication", request=request, response={})
    assert answer == {
        "claimsOverrideDetails": {
            "claimsToAddOrOverride": {"tier": "gold", "greeting": "Hello jane"},
            "claimsToSuppress": ["phone_number"],
        }
    }


class Challenges:
    """A custom sign-in, as far as the functions are concerned."""

    def __init__(self, use, invoke, make):
        self.invoke = invoke
        names = {
            "DefineAuthChallenge": "define",
            "CreateAuthChallenge": "create",
            "VerifyAuthChallengeResponse": "verify",
        }
        config = {trigger: make(f"sms-challenge/{name}.js").arn for trigger, name in names.items()}
        use("", **config)
        self.session = []

    def define(self, **more):
        return self._run("DefineAuthChallenge", {"session": self.session, **more},
                         {"challengeName": None, "issueTokens": False,
                          "failAuthentication": False})  # fmt: skip

    def create(self):
        return self._run("CreateAuthChallenge", {"session": self.session}, {})

    def answer(self, created, code):
        verified = self._run(
            "VerifyAuthChallengeResponse",
            {
                "privateChallengeParameters": created["privateChallengeParameters"],
                "challengeAnswer": code,
            },
            {"answerCorrect": None},
        )
        self.session.append(
            {
                "challengeName": "CUSTOM_CHALLENGE",
                "challengeResult": verified["answerCorrect"],
                "challengeMetadata": created["challengeMetadata"],
            }
        )
        return verified["answerCorrect"]

    def _run(self, trigger, request, response):
        attributes = {"phone_number": "+15550001234"}
        return self.invoke(
            f"{trigger}_Authentication",
            request={"userAttributes": attributes, "userNotFound": False, **request},
            response=response,
        )


@pytest.fixture
def challenges(example, use, invoke):
    return Challenges(use, invoke, example)


def test_the_right_code_signs_in_after_a_wrong_one(challenges):
    assert challenges.define()["challengeName"] == "CUSTOM_CHALLENGE"
    first = challenges.create()
    code = first["privateChallengeParameters"]["answer"]
    assert (len(code), first["publicChallengeParameters"]) == (6, {"destination": "***1234"})
    assert not challenges.answer(first, "x" + code[1:])
    assert challenges.define()["challengeName"] == "CUSTOM_CHALLENGE"
    second = challenges.create()
    assert second["privateChallengeParameters"]["answer"] == code
    assert challenges.answer(second, code)
    assert challenges.define() == {
        "challengeName": None, "issueTokens": True, "failAuthentication": False,
    }  # fmt: skip
    # It was printed once, and no record shows it.
    logs = "".join(Invocation.objects.values_list("log", flat=True))
    assert logs.count("To +15550001234") == 1
    assert code not in logs


def test_three_wrong_codes_are_enough(challenges):
    for _ in range(3):
        challenges.answer(challenges.create(), "")
    assert challenges.define()["failAuthentication"]


def test_an_unknown_user_is_asked_and_never_signed_in(challenges):
    assert challenges.define(userNotFound=True)["challengeName"] == "CUSTOM_CHALLENGE"
    challenges.session.append(
        {"challengeName": "CUSTOM_CHALLENGE", "challengeResult": True, "challengeMetadata": None}
    )
    assert not challenges.define(userNotFound=True)["issueTokens"]


def test_texts_go_to_a_service(example, loopback):
    function = example(
        "sms-challenge/create.js",
        may_use_network=True,
        environment={"SMS_URL": loopback.url, "SMS_TOKEN": "t"},
    )
    event = {
        "userPoolId": "p",
        "request": {"session": [], "userAttributes": {"phone_number": "+15550001234"}},
        "response": {},
    }
    answer = ProcessRunner().run(function, event, timeout=20).value
    code = answer["response"]["privateChallengeParameters"]["answer"]
    assert code in loopback.requests[0].body.decode()
    loopback.answer = lambda _: (500, {}, b"")
    with pytest.raises(FunctionError, match="could not be sent"):
        ProcessRunner().run(function, event, timeout=20)


@pytest.fixture
def webhook_port():
    """The port of the example's own process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "webhook.py"), str(port)],
        env={**os.environ, "WEBHOOK_SECRET": "of the webhook"},
        stderr=subprocess.PIPE,
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        yield port
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_the_webhook_confirms_its_own_domain(
    webhook_port, make_function, people, use, invoke, settings
):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "OUTBOUND_PRIVATE": True}
    url = f"http://127.0.0.1:{webhook_port}/"
    use(make_function("http", url, people, secret="of the webhook"), "PreSignUp")
    assert invoke()["autoConfirmUser"]
    others = {"userAttributes": {"email": "jane@elsewhere.example"}}
    assert not invoke(request=others)["autoConfirmUser"]
