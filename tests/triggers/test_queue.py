"""Events that run later: at least once, no more than they should, and without a trace of codes."""

import base64
import json
from datetime import timedelta

import aws_encryption_sdk
import botocore.session
import pytest
import time_machine
from aws_encryption_sdk.identifiers import (
    CommitmentPolicy,
    EncryptionKeyType,
    WrappingAlgorithm,
)
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
from aws_encryption_sdk.key_providers.kms import KMSMasterKey
from aws_encryption_sdk.key_providers.raw import RawMasterKey
from django.db import transaction
from django.utils import timezone

from triggers import custom_sender, queue
from triggers.models import EventState, Function, Invocation, Outcome, QueuedEvent
from userpools import sealing, sweep
from userpools.models import UserPool
from userpools.sealing import Purpose
from userpools.services import rekey

KEY = "arn:aws:kms:eu-west-1:000000000000:key/0d1c5e2a-0000-4000-8000-000000000000"
received = []


def take(event, context):
    received.append(event)


def refuse(event, context):
    received.append(event)
    raise ValueError(f"cannot send {event['request']['code']}")


@pytest.fixture(autouse=True)
def _fresh():
    received.clear()


@pytest.fixture
def sender(people, make_function, use):
    """A custom SMS sender of a callable here."""

    def make(name="take", **config):
        function = make_function("python", f"{__name__}.{name}", people)
        named = {"LambdaArn": function.arn, "LambdaVersion": "V1_0"}
        use(function, CustomSMSSender=named, **{"KMSKeyID": KEY, **config})
        return function

    return make


@pytest.fixture
def send(invoke):
    def send(code="123456"):
        request = {"type": "customSMSSenderRequestV1", "code": code, "clientMetadata": None,
                   "userAttributes": {"phone_number": "+15550001234"}}  # fmt: skip
        answer = invoke("CustomSMSSender_SignUp", request=request, response={})
        assert answer == {}
        return QueuedEvent.objects.latest("created_at")

    return send


def decrypted(pool, message):
    """What a customer's function does."""
    client = aws_encryption_sdk.EncryptionSDKClient(
        commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT
    )
    key = RawMasterKey(
        provider_id="poolhouse",
        key_id=pool.pk,
        wrapping_key=WrappingKey(
            wrapping_algorithm=WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
            wrapping_key=custom_sender.local_key(pool.pk),
            wrapping_key_type=EncryptionKeyType.SYMMETRIC,
        ),
    )
    plain, header = client.decrypt(source=base64.b64decode(message), key_provider=key)
    assert header.encryption_context["userpool-id"] == pool.pk
    return plain.decode()


def test_a_sender_gets_the_code_encrypted(people, sender, send):
    sender()
    row = send()
    assert received == []
    assert queue.run(row.pk)
    assert decrypted(people, received[0]["request"]["code"]) == "123456"
    row.refresh_from_db()
    assert (row.state, row.sealed) == (EventState.DONE, None)
    assert Invocation.objects.get().outcome == Outcome.SUCCEEDED


def test_another_pool_s_key_opens_nothing(people, sender, send):
    sender()
    queue.run(send().pk)
    other = UserPool(id="eu-west-1_other", region="eu-west-1")
    with pytest.raises(aws_encryption_sdk.exceptions.AWSEncryptionSDKClientError):
        decrypted(other, received[0]["request"]["code"])


def test_neither_row_nor_record_shows_the_code(sender, send):
    sender("refuse")
    row = send()
    assert b"123456" not in bytes(row.sealed)
    queue.run(row.pk)
    row.refresh_from_db()
    record = Invocation.objects.get()
    ciphertext = received[0]["request"]["code"]
    written = json.dumps(record.request) + record.error + record.log + row.last_error
    assert "123456" not in written
    assert ciphertext not in written
    assert "cannot send" in row.last_error


def kms(loopback):
    """AWS KMS, as far as the Encryption SDK calls it; its ciphertext is the key itself."""

    def answer(received):
        asked = json.loads(received.body)
        name = next(v for k, v in received.headers.items() if k.lower() == "x-amz-target")
        if name.endswith("GenerateDataKey"):
            key = b"k" * asked["NumberOfBytes"]
            made = {"Plaintext": key, "CiphertextBlob": key}
        elif name.endswith("Encrypt"):
            made = {"CiphertextBlob": base64.b64decode(asked["Plaintext"])}
        else:
            made = {"Plaintext": base64.b64decode(asked["CiphertextBlob"])}
        document = {name: base64.b64encode(value).decode() for name, value in made.items()}
        return 200, {}, json.dumps({"KeyId": KEY, **document}).encode()

    loopback.answer = answer


@pytest.fixture
def key_server(loopback, settings, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    custom_sender._kms.cache_clear()
    settings.POOLHOUSE = {**settings.POOLHOUSE, "KMS_ENDPOINT": loopback.url}
    kms(loopback)
    return loopback


def test_the_pool_s_key_of_kms_is_used_where_there_is_one(people, sender, send, key_server):
    sender()
    assert queue.run(send().pk)
    client = botocore.session.get_session().create_client(
        "kms", region_name="eu-west-1", endpoint_url=key_server.url
    )
    plain, _ = aws_encryption_sdk.EncryptionSDKClient().decrypt(
        source=base64.b64decode(received[0]["request"]["code"]),
        key_provider=KMSMasterKey(key_id=KEY, client=client),
    )
    assert plain == b"123456"


def test_a_key_server_that_refuses_keeps_the_event_due(sender, send, key_server):
    sender()
    key_server.answer = lambda _: (400, {}, b'{"__type": "DisabledException"}')
    row = send()
    assert not queue.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (EventState.DUE, 1)
    assert "not encrypted" in row.last_error
    record = Invocation.objects.get()
    assert (record.outcome, received) == (Outcome.UNAVAILABLE, [])
    assert "123456" not in json.dumps(record.request)


def test_the_server_s_credentials_are_for_keys_that_the_operator_lists(settings):
    assert not custom_sender.uses_kms(KEY)
    settings.POOLHOUSE = {**settings.POOLHOUSE, "AWS_TARGETS": ("arn:aws:kms:*",)}
    assert custom_sender.uses_kms(KEY)
    assert not custom_sender.uses_kms("")


def test_a_notification_has_no_code(sender, invoke, people, use, make_function):
    function = make_function("python", f"{__name__}.take", people)
    use(function, CustomEmailSender={"LambdaArn": function.arn, "LambdaVersion": "V1_0"})
    invoke("CustomEmailSender_AccountTakeOverNotification", request={"code": None}, response={})
    assert queue.run_due() == 1
    assert received[0]["request"]["code"] is None


def test_failures_are_invisible_to_the_caller(use, send):
    missing = "arn:aws:lambda:eu-west-1:000000000000:function:missing"
    use(missing, CustomSMSSender={"LambdaArn": missing, "LambdaVersion": "V1_0"})
    row = send()
    assert not queue.run(row.pk)
    assert Invocation.objects.get().outcome == Outcome.UNAVAILABLE


def test_an_event_of_a_rolled_back_cause_never_was(sender, send):
    sender()
    with transaction.atomic():
        send()
        transaction.set_rollback(True)
    assert not QueuedEvent.objects.exists()


def test_an_event_runs_once(sender, send):
    sender()
    row = send()
    assert queue.run(row.pk)
    assert not queue.run(row.pk)
    assert len(received) == 1


def test_an_event_that_another_worker_has_is_left_to_it(sender, send):
    sender()
    row = send()
    QueuedEvent.objects.update(due_at=timezone.now() + queue.LEASE, attempts=1)
    assert not queue.run(row.pk)
    assert queue.run_due() == 0
    with time_machine.travel(timezone.now() + queue.LEASE + timedelta(seconds=1)):
        assert queue.run_due() == 1


def test_a_failing_event_is_given_up_at_last_and_can_be_tried_again(sender, send):
    sender("refuse")
    row = send()
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as clock:
        for _ in range(queue.MAX_ATTEMPTS + 1):
            queue.run_due()
            clock.shift(timedelta(hours=1))
    row.refresh_from_db()
    assert (row.state, row.attempts) == (EventState.DEAD, queue.MAX_ATTEMPTS)
    assert len(received) == queue.MAX_ATTEMPTS
    assert queue.retry(row.pk)
    assert not queue.retry(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (EventState.DUE, 0)


def test_an_event_that_kills_every_worker_is_given_up(sender, send):
    sender()
    row = send()
    QueuedEvent.objects.update(attempts=queue.MAX_ATTEMPTS)
    assert queue.run_due() == 0
    row.refresh_from_db()
    assert row.state == EventState.DEAD


def test_an_event_whose_pool_is_gone_holds_no_other_up(sender, send):
    sender()
    orphan, other = send(), send()
    QueuedEvent.objects.filter(pk=orphan.pk).update(pool_id="eu-west-1_gone")
    assert queue.run_due() == 1
    assert QueuedEvent.objects.get() == other
    assert len(received) == 1


def test_content_of_another_row_does_not_open(sender, send):
    sender()
    row = send()
    QueuedEvent.objects.update(sealed=sealing.seal(Purpose.INVOCATION, b"{}", context="another"))
    assert not queue.run(row.pk)
    row.refresh_from_db()
    assert row.state == EventState.DEAD


def test_a_function_that_was_disabled_meanwhile_does_not_run(sender, send):
    function = sender()
    row = send()
    Function.objects.filter(pk=function.pk).update(enabled=False, version=1)
    from triggers.models import functions  # noqa: PLC0415

    functions.clear()
    assert not queue.run(row.pk)
    assert received == []


def test_the_bell_names_the_row_alone(
    sender, send, monkeypatch, django_capture_on_commit_callbacks
):
    from queue import SimpleQueue  # noqa: PLC0415

    from userpools import bell  # noqa: PLC0415

    sender()
    waiting = SimpleQueue()
    monkeypatch.setattr(bell.InProcess, "waiting", waiting)
    with django_capture_on_commit_callbacks(execute=True):
        row = send()
    assert waiting.get_nowait() == ("triggers.tasks.run_event", (str(row.pk),))


def test_a_worker_knows_the_tasks(settings):
    from celery import current_app  # noqa: PLC0415

    current_app.loader.import_default_modules()
    assert queue.RUN_TASK in current_app.tasks
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert "triggers.tasks.run_due_events" in scheduled
    assert scheduled <= set(current_app.tasks)


def test_what_is_over_is_swept_in_time(sender, send):
    sender()
    kept, old, waiting = send(), send(), send()
    queue.run(kept.pk)
    queue.run(old.pk)
    long_ago = timezone.now() - timedelta(days=8)
    QueuedEvent.objects.filter(pk__in=[old.pk, waiting.pk]).update(created_at=long_ago)
    newest, *others = Invocation.objects.order_by("-pk")
    Invocation.objects.filter(pk__in=[row.pk for row in others]).update(started_at=long_ago)
    counts = sweep.sweep()
    assert (counts["invocations"], counts["queued_events"]) == (1, 1)
    assert set(QueuedEvent.objects.all()) == {kept, waiting}
    assert Invocation.objects.get() == newest


def test_a_new_master_key_reaches_functions_and_events(
    make_function, sender, send, people, monkeypatch
):
    function = make_function(
        "http", "https://example.com/", people, secret="s", environment={"A": "b"}
    )
    sender()
    row = send()
    before = sealing.ring()
    old = before.current.secret
    sealing.install(sealing.KeyRing([b"n" * 32, old]))
    try:
        rekey.reseal_all(lambda *_: None)
        sealing.install(sealing.KeyRing([b"n" * 32]))
        fresh = Function.objects.get(pk=function.pk)
        assert (fresh.secret, fresh.environment) == ("s", {"A": "b"})
        assert queue.run(row.pk)
    finally:
        sealing.install(before)
