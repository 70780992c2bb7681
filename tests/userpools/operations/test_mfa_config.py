"""Which factors a pool has: its MFA configuration, and what the pool's own settings imply."""

import pytest

ROLE = "arn:aws:iam::000000000000:role/sms"
SMS = {"SnsCallerArn": ROLE, "ExternalId": "ext"}
TOTP = {"Enabled": True}
EMAIL = {"Message": "Your code is {####}", "Subject": "Code"}
PASSKEYS = {
    "RelyingPartyId": "example.com",
    "UserVerification": "required",
    "FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION",
}


def configured(idp, pool_id):
    answer = idp.get_user_pool_mfa_config(UserPoolId=pool_id)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def described(idp, pool_id):
    return idp.describe_user_pool(UserPoolId=pool_id)["UserPool"]


def configure(idp, pool, **members):
    return idp.set_user_pool_mfa_config(UserPoolId=pool.id, **members)


@pytest.mark.parametrize("mode", ["ON", "OPTIONAL"])
@pytest.mark.parametrize(
    "members",
    [{}, {"SoftwareTokenMfaConfiguration": {"Enabled": False}}, {"SmsMfaConfiguration": {}}],
)
def test_mfa_needs_a_factor(idp, pool, mode, members):
    with pytest.raises(idp.exceptions.InvalidParameterException, match="SMS configuration"):
        configure(idp, pool, MfaConfiguration=mode, **members)
    assert configured(idp, pool.id) == {"MfaConfiguration": "OFF"}


@pytest.mark.parametrize(
    "members",
    [
        {"SoftwareTokenMfaConfiguration": TOTP},
        {"SmsMfaConfiguration": {"SmsConfiguration": SMS}},
    ],
)
def test_a_factor_cannot_be_turned_on_without_mfa(idp, pool, members):
    with pytest.raises(idp.exceptions.InvalidParameterException, match="can't turn off MFA"):
        configure(idp, pool, MfaConfiguration="OFF", **members)


def test_required_mfa_and_passwordless_codes_exclude_each_other(idp):
    factors = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "SMS_OTP"]}}
    pool_id = idp.create_user_pool(PoolName="p", Policies=factors)["UserPool"]["Id"]
    with pytest.raises(idp.exceptions.InvalidParameterException, match="first factors"):
        idp.set_user_pool_mfa_config(
            UserPoolId=pool_id, MfaConfiguration="ON", SoftwareTokenMfaConfiguration=TOTP
        )


@pytest.mark.parametrize(
    "members", [{"EmailMfaConfiguration": EMAIL}, {"WebAuthnConfiguration": PASSKEYS}]
)
def test_email_and_passkey_factors_need_more_than_lite(idp, members):
    pool_id = idp.create_user_pool(PoolName="p", UserPoolTier="LITE")["UserPool"]["Id"]
    with pytest.raises(idp.exceptions.FeatureUnavailableInTierException):
        idp.set_user_pool_mfa_config(
            UserPoolId=pool_id,
            MfaConfiguration="ON",
            SoftwareTokenMfaConfiguration=TOTP,
            **members,
        )


def test_a_message_without_placeholder_is_refused(idp, pool):
    with pytest.raises(idp.exceptions.InvalidParameterException, match="regular expression"):
        configure(idp, pool, EmailMfaConfiguration={"Message": "no placeholder"})


def test_the_sms_role_needs_the_permission_to_pass_it(pool, signed_client, operator):
    statement = {"Effect": "Allow", "Action": "cognito-idp:*", "Resource": "*"}
    without = signed_client(operator=operator, policy={"Statement": statement})
    with pytest.raises(without.exceptions.ClientError, match="iam:PassRole"):
        configure(
            without,
            pool,
            MfaConfiguration="ON",
            SmsMfaConfiguration={"SmsConfiguration": SMS},
        )


def test_a_new_pool_has_no_factors(idp, pool):
    assert configured(idp, pool.id) == {"MfaConfiguration": "OFF"}


def test_all_factors_are_shown_as_they_were_set(idp, pool):
    sent = {
        "MfaConfiguration": "OPTIONAL",
        "SmsMfaConfiguration": {
            "SmsAuthenticationMessage": "Code {####}",
            "SmsConfiguration": SMS,
        },
        "SoftwareTokenMfaConfiguration": TOTP,
        "EmailMfaConfiguration": EMAIL,
        "WebAuthnConfiguration": PASSKEYS,
    }
    answer = configure(idp, pool, **sent)
    answer.pop("ResponseMetadata")
    assert answer == sent
    assert configured(idp, pool.id) == sent
    shown = described(idp, pool.id)
    assert shown["MfaConfiguration"] == "OPTIONAL"
    assert shown["SmsConfiguration"] == SMS
    assert shown["SmsAuthenticationMessage"] == "Code {####}"


def test_factors_left_out_are_turned_off(idp, pool):
    configure(
        idp,
        pool,
        MfaConfiguration="ON",
        SmsMfaConfiguration={"SmsConfiguration": SMS},
        SoftwareTokenMfaConfiguration=TOTP,
        WebAuthnConfiguration=PASSKEYS,
    )
    configure(idp, pool, MfaConfiguration="ON", SoftwareTokenMfaConfiguration=TOTP)
    assert configured(idp, pool.id) == {
        "MfaConfiguration": "ON",
        "SoftwareTokenMfaConfiguration": TOTP,
    }
    # Still there for verification messages.
    assert described(idp, pool.id)["SmsConfiguration"] == SMS
    configure(idp, pool, MfaConfiguration="OFF")
    assert configured(idp, pool.id) == {"MfaConfiguration": "OFF"}


def test_mfa_at_creation_means_sms(idp):
    pool_id = idp.create_user_pool(
        PoolName="p",
        MfaConfiguration="ON",
        SmsConfiguration=SMS,
        SmsAuthenticationMessage="Code {####}",
    )["UserPool"]["Id"]
    assert configured(idp, pool_id) == {
        "MfaConfiguration": "ON",
        "SmsMfaConfiguration": {
            "SmsConfiguration": SMS,
            "SmsAuthenticationMessage": "Code {####}",
        },
    }


def test_an_update_of_the_pool_follows_through_to_the_factor(idp, pool):
    configure(idp, pool, MfaConfiguration="ON", SmsMfaConfiguration={"SmsConfiguration": SMS})
    other = {"SnsCallerArn": ROLE, "ExternalId": "other"}
    idp.update_user_pool(UserPoolId=pool.id, SmsConfiguration=other)
    assert configured(idp, pool.id)["SmsMfaConfiguration"] == {"SmsConfiguration": other}


def test_an_update_without_sms_leaves_the_other_factor(idp, pool):
    configure(
        idp,
        pool,
        MfaConfiguration="ON",
        SmsMfaConfiguration={"SmsConfiguration": SMS},
        SoftwareTokenMfaConfiguration=TOTP,
    )
    idp.update_user_pool(UserPoolId=pool.id)
    assert configured(idp, pool.id) == {
        "MfaConfiguration": "ON",
        "SoftwareTokenMfaConfiguration": TOTP,
    }


def test_an_update_does_not_turn_sms_on_beside_another_factor(idp, pool):
    configure(idp, pool, MfaConfiguration="ON", SoftwareTokenMfaConfiguration=TOTP)
    idp.update_user_pool(UserPoolId=pool.id, MfaConfiguration="ON", SmsConfiguration=SMS)
    assert "SmsMfaConfiguration" not in configured(idp, pool.id)


def test_turning_mfa_off_by_an_update_takes_the_factors(idp, pool):
    configure(idp, pool, MfaConfiguration="ON", SoftwareTokenMfaConfiguration=TOTP)
    idp.update_user_pool(UserPoolId=pool.id, MfaConfiguration="OFF")
    assert configured(idp, pool.id) == {"MfaConfiguration": "OFF"}
