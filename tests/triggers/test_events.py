"""The event of each trigger source, member by member, as a function receives it."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from triggers import events, queue
from triggers.events import NO_CLIENT, SENDERS, SOURCES, sdk_version
from triggers.invoker import FunctionInvoker
from userpools.models import UserPool

GOLDEN = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(__file__).parent / "golden").glob("*.json"))
}
AGENTS = {
    "aws-sdk-nodejs-2.1055.0": "aws-sdk-nodejs/2.1055.0 linux/v14.18.1 callback",
    "aws-sdk-unknown-unknown": "Mozilla/5.0",
}
VERSIONS = {"1": "V1_0", "2": "V2_0", "3": "V3_0"}
received = []


def echo(event, context):
    received.append(json.loads(json.dumps(event)))
    return event


@pytest.fixture
def echoing(db, make_function, settings):
    """The pool of the golden files, whose functions all echo."""
    received.clear()
    pool = UserPool.objects.create(id="eu-west-1_AbCdEf123", name="golden", region="eu-west-1")
    function = make_function("python", f"{__name__}.echo", pool)

    def configure(trigger, version):
        named = {"LambdaArn": function.arn, "LambdaVersion": VERSIONS[version]}
        member = "PreTokenGenerationConfig" if trigger == "PreTokenGeneration" else trigger
        is_object = member.endswith(("Config", "Sender", "Federation"))
        pool.configuration = {"LambdaConfig": {member: named if is_object else function.arn}}
        pool.save()
        return pool

    return configure


def test_every_source_has_a_golden_event():
    assert {event["triggerSource"] for event in GOLDEN.values()} == set(SOURCES)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_function_receives_the_golden_event(echoing, name):
    wanted = GOLDEN[name]
    source, trigger = wanted["triggerSource"], SOURCES[wanted["triggerSource"]]
    pool = echoing(trigger, wanted["version"])
    context = wanted["callerContext"]
    client = SimpleNamespace(client_id=context["clientId"])
    request = dict(wanted["request"])
    if request.get("code"):
        request["code"] = "123456"
    default = dict(wanted["response"])
    answer = FunctionInvoker().invoke(
        source,
        pool=pool,
        client=None if context["clientId"] == NO_CLIENT else client,
        username=wanted["userName"],
        request=request,
        response=default,
        user_agent=AGENTS[context["awsSdkVersion"]],
    )
    # A function that returns its input never changes what happens.
    assert answer == default
    if trigger in SENDERS:
        assert queue.run_due() == 1
    (event,) = received
    if request.get("code"):
        assert event["request"]["code"] not in {"123456", None}
        event["request"]["code"] = "<ciphertext>"
    assert event == wanted
    assert list(event) == list(wanted)


@pytest.mark.parametrize(
    ("agent", "version"),
    [
        ("", "aws-sdk-unknown-unknown"),
        ("Boto3/1.44.5 md/Botocore#1.44.5 ua/2.0", "aws-sdk-unknown-unknown"),
        ("aws-sdk-js/3.370.0 ua/2.0 os/linux#6.1", "aws-sdk-js-3.370.0"),
        ("aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22", "aws-sdk-go-v2-1.30.3"),
        ("x aws-sdk-java/1.12.1-SNAPSHOT y", "aws-sdk-java-1.12.1-SNAPSHOT"),
        ("aws-sdk-js/" + "9" * 500, "aws-sdk-js-" + "9" * 32),
        ("aws-sdk-js/é", "aws-sdk-unknown-unknown"),
    ],
)
def test_the_sdk_is_named_where_it_says_so(agent, version):
    assert sdk_version(agent) == version


def test_an_unknown_source_is_an_error_of_the_caller(echoing):
    pool = echoing("PreSignUp", "1")
    with pytest.raises(ValueError, match="PreSignUp_Somehow"):
        FunctionInvoker().invoke(
            "PreSignUp_Somehow", pool=pool, client=None, username="x", request={}, response={}
        )


@pytest.mark.parametrize("version", ["1", "2"])
def test_client_credentials_run_functions_of_the_third_version_alone(echoing, version):
    pool = echoing("PreTokenGeneration", version)
    default = {"claimsAndScopeOverrideDetails": None}
    answer = FunctionInvoker().invoke(
        "TokenGeneration_ClientCredentials",
        pool=pool, client=None, username="ClientCredentials", request={}, response=default,
    )  # fmt: skip
    assert (answer, received) == (default, [])


def test_a_trigger_without_a_function_answers_the_default(people):
    assert events.configured(people, "PreSignUp") is None
    default = {"autoConfirmUser": False}
    assert default is FunctionInvoker().invoke(
        "PreSignUp_SignUp",
        pool=people, client=None, username="x", request={}, response=default,
    )  # fmt: skip
    assert not FunctionInvoker().configured(people, "PreSignUp")
