"""What operations answer where it is known at once that no code can be sent."""

import pytest

from tests.calls import refused
from userpools.models import Message, PoolUser, VerificationCode

PASSWORD = "Correct-Horse-9"
EMAIL = {"Name": "email", "Value": "ana@example.com"}
NEW_EMAIL = {"Name": "email", "Value": "new@example.com"}
PHONE = {"Name": "phone_number", "Value": "+15550001234"}


@pytest.fixture
def pool(make_pool):
    return make_pool(
        AutoVerifiedAttributes=["email"],
        UserAttributeUpdateSettings={"AttributesRequireVerificationBeforeUpdate": ["email"]},
    )


@pytest.fixture
def ana(idp, pool, make_user):
    name = make_user(pool, "ana", email="ana@example.com", email_verified="true")
    return {"UserPoolId": pool.id, "Username": name}


@pytest.fixture
def undeliverable(settings):
    """Call what makes all messages undeliverable from then on."""

    def undeliverable():
        settings.EMAIL_BACKEND = "userpools.messaging.email.NoEmail"
        settings.POOLHOUSE = {**settings.POOLHOUSE, "SMS_BACKEND": "userpools.messaging.sms.NoSms"}

    return undeliverable


@pytest.fixture(autouse=True)
def _nothing_is_written(db):
    """Whatever a test does, no message and no code is left."""
    yield
    assert not Message.objects.filter(state="due").exists()


def test_sign_up_makes_no_user(idp, client, undeliverable):
    undeliverable()
    message = refused(
        idp, "CodeDeliveryFailureException", idp.sign_up,
        ClientId=client.client_id, Username="eve", Password=PASSWORD, UserAttributes=[EMAIL],
    )  # fmt: skip
    assert message == "No e-mail backend is configured."
    assert not PoolUser.objects.exists()


def test_resending_a_code_keeps_the_former_one(idp, client, sent, undeliverable):
    idp.sign_up(
        ClientId=client.client_id, Username="eve", Password=PASSWORD, UserAttributes=[EMAIL]
    )
    (first,) = sent()
    undeliverable()
    refused(
        idp, "CodeDeliveryFailureException", idp.resend_confirmation_code,
        ClientId=client.client_id, Username="eve",
    )  # fmt: skip
    idp.confirm_sign_up(ClientId=client.client_id, Username="eve", ConfirmationCode=first["code"])


def test_an_invitation_makes_no_user(idp, pool, undeliverable):
    undeliverable()
    refused(
        idp, "CodeDeliveryFailureException", idp.admin_create_user,
        UserPoolId=pool.id, Username="eve", UserAttributes=[PHONE],
    )  # fmt: skip
    assert not PoolUser.objects.exists()


@pytest.mark.parametrize("hides", ["ENABLED", "LEGACY"])
def test_a_forgotten_password(idp, pool, make_client, ana, undeliverable, hides):
    client = make_client(pool, PreventUserExistenceErrors=hides)
    undeliverable()
    refused(
        idp, "CodeDeliveryFailureException", idp.forgot_password,
        ClientId=client.client_id, Username=ana["Username"],
    )  # fmt: skip
    assert not VerificationCode.objects.exists()


def test_a_forgotten_password_of_nobody_is_refused_alike(idp, pool, make_client, undeliverable):
    client = make_client(pool, PreventUserExistenceErrors="ENABLED")
    undeliverable()
    refused(
        idp, "CodeDeliveryFailureException", idp.forgot_password,
        ClientId=client.client_id, Username="nobody",
    )  # fmt: skip


def test_a_user_s_own_change_of_address(idp, client, ana, sign_in, undeliverable):
    token = sign_in(client)["AccessToken"]
    undeliverable()
    refused(
        idp, "CodeDeliveryFailureException", idp.update_user_attributes,
        AccessToken=token, UserAttributes=[NEW_EMAIL],
    )  # fmt: skip
    refused(
        idp, "CodeDeliveryFailureException", idp.get_user_attribute_verification_code,
        AccessToken=token, AttributeName="email",
    )  # fmt: skip
    assert not VerificationCode.objects.exists()


@pytest.mark.parametrize(
    ("call", "members"),
    [
        ("admin_reset_user_password", {}),
        ("admin_update_user_attributes", {"UserAttributes": [NEW_EMAIL]}),
    ],
)
def test_operations_without_that_error_answer_their_own(idp, ana, undeliverable, call, members):
    undeliverable()
    message = refused(
        idp, "InvalidEmailRoleAccessPolicyException", getattr(idp, call), **ana, **members
    )
    assert message == "No e-mail backend is configured."
    user = PoolUser.objects.get()
    assert (user.status, user.attributes["email"]) == ("CONFIRMED", "ana@example.com")
