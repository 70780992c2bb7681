"""The examples do what their README says."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import triggers
from tests.calls import refused
from tests.triggers.custom_sign_in import TRIGGERS, CustomSignIn
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
    assert (len(code), first["publicChallengeParameters"]) == (6, {"medium": "SMS"})
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


class Texts:
    """A sign-in by the code of a text message, whose functions are the example's own files."""

    def __init__(self, idp, pool, client, loopback):
        self.idp, self.pool, self.client, self.gateway = idp, pool, client, loopback

    def sign_in(self, name="ana"):
        return CustomSignIn(self.idp, self.client, name)

    def sent(self):
        return [json.loads(request.body) for request in self.gateway.requests]

    def code(self):
        return self.sent()[-1]["text"].removeprefix("Your code is ")


@pytest.fixture
def texts(processes, idp, pool, make_client, make_user, make_function, loopback):
    make_user(pool, "ana", phone_number="+15550001234")
    config = {}
    for trigger, name in zip(TRIGGERS, ("define", "create", "verify"), strict=True):
        environment = {"SMS_URL": loopback.url, "SMS_TOKEN": "t"} if name == "create" else None
        config[trigger] = make_function(
            "process",
            str(EXAMPLES / f"sms-challenge/{name}.js"),
            pool,
            may_use_network=name == "create",
            environment=environment,
        ).arn
    idp.update_user_pool(UserPoolId=pool.pk, LambdaConfig=config)
    client = make_client(
        pool, ExplicitAuthFlows=["ALLOW_CUSTOM_AUTH"], PreventUserExistenceErrors="ENABLED"
    )
    return Texts(idp, pool, client, loopback)


def test_a_person_signs_in_by_the_code_of_a_text_message(texts):
    sign_in = texts.sign_in()
    issued = sign_in.begin()
    assert issued["ChallengeParameters"] == {"USERNAME": "ana", "medium": "SMS"}
    assert sign_in.answer("x" + texts.code()[1:])["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert sign_in.answer(texts.code())["AuthenticationResult"]["AccessToken"]
    # Asked twice, sent once.
    assert [text["to"] for text in texts.sent()] == ["+15550001234"]
    assert texts.gateway.requests[0].headers["Authorization"] == "Bearer t"


def test_three_wrong_codes_end_the_sign_in(idp, texts):
    sign_in = texts.sign_in()
    sign_in.begin()
    for _ in range(2):
        sign_in.answer("wrong")
    said = refused(idp, "NotAuthorizedException", sign_in.answer, text="wrong")
    assert said == "Incorrect username or password."
    assert refused(idp, "NotAuthorizedException", sign_in.answer, text=texts.code()).endswith(
        "session can only be used once."
    )


def test_a_code_of_one_sign_in_opens_no_other(texts):
    texts.sign_in().begin()
    code = texts.code()
    other = texts.sign_in()
    other.begin()
    if texts.code() != code:  # one in a million
        assert other.answer(code)["ChallengeName"] == "CUSTOM_CHALLENGE"


def test_nobody_is_texted_and_nobody_signs_in_under_an_unknown_name(idp, texts):
    sign_in = texts.sign_in("nobody")
    issued = sign_in.begin()
    assert issued["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert issued["ChallengeParameters"] == {"USERNAME": "nobody", "medium": "SMS"}
    for _ in range(2):
        assert sign_in.answer("123456")["ChallengeName"] == "CUSTOM_CHALLENGE"
    refused(idp, "NotAuthorizedException", sign_in.answer, text="123456")
    assert texts.sent() == []


def test_a_text_that_cannot_be_sent_is_told(idp, texts):
    texts.gateway.answer = lambda _: (500, {}, b"")
    said = refused(idp, "UserLambdaValidationException", texts.sign_in().begin)
    assert said == "CreateAuthChallenge failed with error The text message could not be sent."


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
