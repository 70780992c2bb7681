"""What text messages may cost: implausible numbers, prefixes, and limits."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from userpools.counters import buckets
from userpools.errors import CodeDeliveryFailureException
from userpools.messaging import outbox, sms_guard
from userpools.models import Message, PoolUser, UserPool, VerificationCode

NUMBER = "+15550001234"
PHONE = "phone_number"


@pytest.fixture(autouse=True)
def _fresh_counters(settings):
    """Counters outlive a test, and so do the ids of rows that tests make."""
    for name in ("Messages1", "Messages2"):
        sms_guard.forget(UserPool(id=f"eu-west-1_{name}"))
    buckets(settings.POOLHOUSE["REDIS_URL"]).forget(["sms:*:3600", "sms:*:86400"])


@pytest.fixture
def server(settings):
    """Set the server's own bounds."""

    def put(**guard):
        default = {"ALLOWED": (), "BLOCKED": (), "LIMITS": {}}
        settings.POOLHOUSE = {**settings.POOLHOUSE, "SMS_GUARD": {**default, **guard}}

    return put


@pytest.fixture
def bounded(reader):
    """Set the pool's own bounds."""

    def put(**columns):
        UserPool.objects.filter(pk=reader.pool_id).update(**columns)
        reader.refresh_from_db()

    return put


def post(user, number=NUMBER):
    with transaction.atomic():
        outbox.post(
            pool=user.pool, user=user, medium="SMS", kind="sign_up", destination=number, code="1"
        )


def refusal(user, number=NUMBER):
    with pytest.raises(CodeDeliveryFailureException) as caught:
        post(user, number)
    assert caught.value.instead.__name__ == "InvalidSmsRoleAccessPolicyException"
    assert not Message.objects.filter(masked_to=outbox.masked("SMS", number)).exists()
    return caught.value.message


# Numbers


@pytest.mark.parametrize(
    "number",
    [
        "+999123456",  # no country
        "+155",
        "+15550001",  # without its area
        "+155500012345",
        "+49151",
        "15550001234",
        "+1555000123x",
        "+",
    ],
)
def test_what_no_phone_has_gets_nothing(reader, number):
    assert refusal(reader, number) == sms_guard.NOT_A_NUMBER


@pytest.mark.parametrize(
    "number", [NUMBER, "+4915112345678", "+441632960001", "+819012345678", "+8821234567"]
)
def test_plausible_numbers_get_messages(reader, number):
    post(reader, number)
    assert Message.objects.count() == 1


# Prefixes


@pytest.mark.parametrize(
    ("allowed", "blocked", "passes"),
    [
        ("", "", True),
        ("+1", "", True),
        ("+44 +1555", "", True),
        ("+44", "", False),
        ("+1", "+1555", False),
        ("", "+1555 +44", False),
        ("", "+1556", True),
        ("+15550001234", "", True),
    ],
)
def test_a_pool_bounds_where_its_messages_go(reader, bounded, allowed, blocked, passes):
    bounded(sms_allowed=allowed, sms_blocked=blocked)
    if passes:
        post(reader)
        assert Message.objects.count() == 1
    else:
        assert refusal(reader) == sms_guard.NOT_THERE


def test_a_pool_does_not_widen_what_the_server_allows(reader, bounded, server):
    bounded(sms_allowed="+1")
    server(ALLOWED=("+44",))
    assert refusal(reader) == sms_guard.NOT_THERE
    server(ALLOWED=("+1",), BLOCKED=("+1555",))
    assert refusal(reader) == sms_guard.NOT_THERE
    server(ALLOWED=("+1",))
    post(reader)


def test_e_mail_is_not_bounded(reader, bounded):
    bounded(sms_allowed="+44", sms_hourly=0)
    outbox.post(
        pool=reader.pool, user=reader, medium="EMAIL", kind="sign_up",
        destination="jane@example.com", code="1",
    )  # fmt: skip
    assert Message.objects.count() == 1


# Limits


@pytest.mark.parametrize("column", ["sms_hourly", "sms_daily"])
def test_a_pool_sends_as_many_as_it_may(reader, bounded, column):
    bounded(**{column: 2})
    post(reader)
    post(reader)
    assert refusal(reader, "+4915112345678") == sms_guard.TOO_MANY
    assert Message.objects.count() == 2


def test_none_at_all_is_a_limit(reader, bounded):
    bounded(sms_hourly=0)
    assert refusal(reader) == sms_guard.TOO_MANY


def test_the_smaller_limit_holds(reader, bounded, server):
    bounded(sms_hourly=5)
    server(LIMITS={"pool_hour": 1})
    post(reader)
    assert refusal(reader, "+4915112345678") == sms_guard.TOO_MANY
    bounded(sms_hourly=0)
    server(LIMITS={"pool_hour": 9})
    assert refusal(reader, "+4915112345678") == sms_guard.TOO_MANY


def test_what_a_pool_may_not_send_uses_nothing_of_the_server_s(reader, bounded, server):
    bounded(sms_hourly=1)
    server(LIMITS={"hour": 2})
    post(reader)
    for _ in range(3):
        refusal(reader, "+4915112345678")
    other = PoolUser.objects.create(
        pool=UserPool.objects.create(id="eu-west-1_Messages2", name="b", region="eu-west-1"),
        username="joe",
        username_key="joe",
    )
    post(other, "+4915112345678")
    assert refusal(other, "+441632960001") == sms_guard.TOO_MANY


def test_refusals_by_prefix_count_as_no_message(reader, bounded):
    bounded(sms_hourly=1, sms_blocked="+49")
    for _ in range(3):
        refusal(reader, "+4915112345678")
    post(reader)
    assert sms_guard.refused_today(reader.pool).count == 3


def test_an_hour_ends(reader, bounded, settings, monkeypatch):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "REDIS_URL": ""}
    own = buckets("")
    now = [1000.0]
    monkeypatch.setattr(own, "_clock", lambda: now[0])
    bounded(sms_hourly=1)
    post(reader)
    assert refusal(reader, "+4915112345678") == sms_guard.TOO_MANY
    now[0] += sms_guard.HOUR + 1
    post(reader, "+4915112345678")
    assert Message.objects.count() == 2


def test_what_was_counted_can_be_forgotten(reader, bounded):
    bounded(sms_hourly=1)
    post(reader)
    refusal(reader, "+4915112345678")
    sms_guard.forget(reader.pool)
    post(reader, "+4915112345678")
    assert sms_guard.refused_today(reader.pool).count == 0


@pytest.mark.django_db(transaction=True)
def test_messages_in_parallel_do_not_share_a_place(reader, bounded):
    bounded(sms_hourly=3)
    outcomes = []

    def run():
        try:
            post(reader)
            outcomes.append("sent")
        except CodeDeliveryFailureException:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 5 + ["sent"] * 3
    assert Message.objects.count() == 3


def test_a_refusal_is_logged_without_the_number(reader, bounded, capsys):
    bounded(sms_blocked="+1")
    refusal(reader)
    logged = capsys.readouterr().err
    assert '"text message refused"' in logged
    assert '"prefix"' in logged
    assert "5550001234" not in logged


# Through the API


@pytest.fixture
def texting(idp, make_client):
    made = idp.create_user_pool(PoolName="texting", AutoVerifiedAttributes=[PHONE])["UserPool"]
    return make_client(UserPool.objects.get(id=made["Id"]))


def bound(pool, **columns):
    UserPool.objects.filter(pk=pool.pk).update(**columns)
    pool.touch()


def sign_up(idp, client, name="ana", number=NUMBER):
    return idp.sign_up(
        ClientId=client.client_id,
        Username=name,
        Password=PASSWORD,
        UserAttributes=[{"Name": PHONE, "Value": number}],
    )


def test_what_cognito_stores_is_stored(idp, pool):
    """A plus sign and digits: whether a phone has the number is asked when one is to be sent."""
    created = idp.admin_create_user(
        UserPoolId=pool.id,
        Username="ana",
        UserAttributes=[{"Name": PHONE, "Value": "+999123456"}],
        MessageAction="SUPPRESS",
    )
    assert {"Name": PHONE, "Value": "+999123456"} in created["User"]["Attributes"]


@pytest.mark.parametrize(
    ("number", "columns", "message"),
    [
        ("+999123456", {}, sms_guard.NOT_A_NUMBER),
        (NUMBER, {"sms_blocked": "+1"}, sms_guard.NOT_THERE),
        (NUMBER, {"sms_hourly": 0}, sms_guard.TOO_MANY),
    ],
)
def test_a_sign_up_that_gets_no_code_makes_no_account(idp, texting, number, columns, message):
    bound(texting.pool, **columns)
    said = refused(
        idp,
        "CodeDeliveryFailureException",
        lambda: sign_up(idp, texting, number=number),
    )
    assert said == message
    assert not PoolUser.objects.exists()
    assert not VerificationCode.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_sign_ups_in_parallel_send_no_more_than_the_limit(idp, texting):
    bound(texting.pool, sms_hourly=2)
    names = iter("abcdef")
    outcomes = in_parallel(6, lambda: sign_up(idp, texting, next(names)))
    assert outcomes.count("done") == 2
    assert outcomes.count("CodeDeliveryFailureException") == 4
    assert Message.objects.count() == PoolUser.objects.count() == 2


@pytest.mark.parametrize("name", ["ana", "nobody"])
@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"sms_hourly": 1}, sms_guard.TOO_MANY),
        ({"sms_blocked": "+1"}, None),
    ],
)
def test_refusals_do_not_tell_who_exists(idp, make_client, make_user, name, columns, told):
    made = idp.create_user_pool(
        PoolName="hiding",
        AccountRecoverySetting={
            "RecoveryMechanisms": [{"Name": "verified_phone_number", "Priority": 1}]
        },
    )["UserPool"]
    pool = UserPool.objects.get(id=made["Id"])
    client = make_client(pool, PreventUserExistenceErrors="ENABLED")
    make_user(pool, "ana", phone_number=NUMBER, phone_number_verified="true")
    if "sms_hourly" in columns:
        make_user(pool, "bob", phone_number=NUMBER, phone_number_verified="true")
        idp.forgot_password(ClientId=client.client_id, Username="bob")
    sent = Message.objects.count()
    bound(pool, **columns)

    def forgot():
        return idp.forgot_password(ClientId=client.client_id, Username=name)

    if told:
        assert refused(idp, "CodeDeliveryFailureException", forgot) == told
    else:
        assert forgot()["CodeDeliveryDetails"]["DeliveryMedium"] == "SMS"
    assert Message.objects.count() == sent


def test_sign_in_answers_what_its_model_knows(idp, pool, client, make_user):
    make_user(pool, "ana", phone_number=NUMBER)
    idp.set_user_pool_mfa_config(
        UserPoolId=pool.id,
        MfaConfiguration="OPTIONAL",
        SmsMfaConfiguration={
            "SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}
        },
    )
    idp.admin_set_user_mfa_preference(
        UserPoolId=pool.id, Username="ana", SMSMfaSettings={"Enabled": True}
    )
    bound(pool, sms_daily=0)
    refused(
        idp,
        "InvalidSmsRoleAccessPolicyException",
        idp.initiate_auth,
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ana", "PASSWORD": PASSWORD},
    )
    assert not VerificationCode.objects.exists()


def test_a_message_that_fails_on_its_way_is_counted_once(reader, bounded, settings):
    bounded(sms_hourly=5)
    settings.POOLHOUSE = {
        **settings.POOLHOUSE, "SMS_BACKEND": "tests.userpools.messaging.test_sms_guard.Down",
    }  # fmt: skip
    post(reader)
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as clock:
        for _ in range(outbox.MAX_ATTEMPTS):
            outbox.deliver_due()
            clock.shift(timedelta(hours=1))
    assert Message.objects.get().attempts == outbox.MAX_ATTEMPTS
    assert sms_guard.usage_of(reader.pool)[0].window.count == 1


class Down:
    """A provider that is down."""

    def send(self, message):
        raise CodeDeliveryFailureException("down")
