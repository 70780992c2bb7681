"""GetUserAuthFactors and AdminGetUserAuthFactors."""

import pytest

from tests.authenticator import code_of
from tests.calls import refused
from tests.userpools.auth.choice import read_before
from userpools.models import PoolUser

pytestmark = pytest.mark.django_db

SMS = {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}}
CONTACTS = {"email": "ana@example.com", "phone_number": "+4915112345678"}


@pytest.fixture
def people(idp, make_pool, make_client, make_user):
    """A client of a pool with all first factors but passkeys, and its user ana."""
    allowed = ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]
    pool = make_pool(Policies={"SignInPolicy": {"AllowedFirstAuthFactors": allowed}})
    make_user(pool, "ana", **CONTACTS)
    return make_client(pool)


def by_admin(idp, pool_id, name="ana"):
    shown = idp.admin_get_user_auth_factors(UserPoolId=pool_id, Username=name)
    shown.pop("ResponseMetadata")
    return shown


def test_a_token_is_needed(idp, people):
    refused(idp, "NotAuthorizedException", idp.get_user_auth_factors, AccessToken="x.y.z")


def test_an_unknown_user_has_none(idp, people):
    refused(
        idp,
        "UserNotFoundException",
        idp.admin_get_user_auth_factors,
        UserPoolId=people.pool_id,
        Username="nobody",
    )


def test_a_pool_of_passwords_has_passwords_alone(idp, client, user, sign_in):
    shown = idp.get_user_auth_factors(AccessToken=sign_in(client)["AccessToken"])
    shown.pop("ResponseMetadata")
    assert shown == {"Username": "ana", "ConfiguredUserAuthFactors": ["PASSWORD"]}
    assert by_admin(idp, client.pool_id) == shown


def test_what_the_user_may_begin_with_is_shown(idp, people, sign_in):
    shown = idp.get_user_auth_factors(AccessToken=sign_in(people)["AccessToken"])
    assert shown["ConfiguredUserAuthFactors"] == ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]
    PoolUser.objects.update(password_form="")
    factors = by_admin(idp, people.pool_id)["ConfiguredUserAuthFactors"]
    assert factors == ["EMAIL_OTP", "SMS_OTP"]
    PoolUser.objects.update(attributes={})
    assert by_admin(idp, people.pool_id)["ConfiguredUserAuthFactors"] == []


def test_second_factors_are_shown_beside_the_password(idp, people, sign_in):
    idp.set_user_pool_mfa_config(
        UserPoolId=people.pool_id,
        MfaConfiguration="OPTIONAL",
        SoftwareTokenMfaConfiguration={"Enabled": True},
        EmailMfaConfiguration={},
        SmsMfaConfiguration=SMS,
    )
    token = sign_in(people)["AccessToken"]
    seed = idp.associate_software_token(AccessToken=token)["SecretCode"]
    idp.verify_software_token(AccessToken=token, UserCode=code_of(seed))
    idp.set_user_mfa_preference(
        AccessToken=token,
        SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True},
        SMSMfaSettings={"Enabled": True},
    )
    shown = idp.get_user_auth_factors(AccessToken=token)
    # Whoever has a second factor begins with the password.
    assert shown["ConfiguredUserAuthFactors"] == ["PASSWORD", "SMS_OTP", "SOFTWARE_TOKEN"]
    assert shown["UserMFASettingList"] == ["SMS_MFA", "SOFTWARE_TOKEN_MFA"]
    assert shown["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"


def test_reading_costs_what_reading_a_user_costs(idp, people, django_assert_num_queries):
    read_before(people)
    with django_assert_num_queries(1):
        idp.admin_get_user(UserPoolId=people.pool_id, Username="ana")
    read_before(people)
    with django_assert_num_queries(1):
        by_admin(idp, people.pool_id)
