"""Pools, clients, users, groups, messages and the audit, as commands."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from userpools import limits
from userpools.limits import Guard
from userpools.management.commands._base import argument
from userpools.models import AuditEntry, PoolUser, UserPool

GOOD = "Correct-Horse-9"


@pytest.fixture
def typed(monkeypatch):
    """Put a line on the standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text + "\n"))


@pytest.fixture
def made(ask):
    """A pool that a command made."""
    return ask("pool", "create", "made", "--region", "eu-west-3")


def test_a_pool_is_created_listed_and_shown(ask, made):
    assert made["Id"].startswith("eu-west-3_")
    assert [row["Id"] for row in ask("pool", "list")] == [made["Id"]]
    assert ask("pool", "show", made["Id"])["Name"] == "made"
    assert AuditEntry.objects.get(action="CreateUserPool").source == "command"


def test_an_update_keeps_what_it_does_not_name(ask, made):
    policy = {"Policies": {"PasswordPolicy": {"MinimumLength": 12}}}
    ask("pool", "update", made["Id"], "--members", json.dumps(policy))
    changed = {"DeletionProtection": "ACTIVE"}

    after = ask("pool", "update", made["Id"], "--members", json.dumps(changed))

    assert after["DeletionProtection"] == "ACTIVE"
    assert after["Policies"]["PasswordPolicy"]["MinimumLength"] == 12


def test_a_protected_pool_and_one_without_yes_stay(run, ask, made):
    with pytest.raises(CommandError, match="--yes"):
        run("pool", "delete", made["Id"])
    ask("pool", "update", made["Id"], "--members", '{"DeletionProtection": "ACTIVE"}')
    with pytest.raises(CommandError, match="InvalidParameterException"):
        run("pool", "delete", made["Id"], "--yes")
    assert UserPool.objects.exists()


def test_a_pool_is_deleted(run, ask, made):
    run("pool", "delete", made["Id"], "--yes")
    assert ask("pool", "list") == []


@pytest.mark.parametrize(
    "document", ['{"MfaConfiguration": "PERHAPS"}', "[]", "{", "@/no/such/file"]
)
def test_wrong_settings_are_refused(run, made, document):
    with pytest.raises(CommandError):
        run("pool", "update", made["Id"], "--members", document)


def test_an_unknown_pool_is_refused_by_name(run, db):
    for command in (["pool", "show"], ["client", "list"], ["group", "list"], ["keys", "list"]):
        with pytest.raises(CommandError):
            run(*command, "eu-west-3_Unknown1")


def test_password_storage_is_a_setting_of_the_pool(ask, made):
    ask("pool", "update", made["Id"], "--password-storage", "argon2id")
    assert UserPool.objects.get().password_storage == "argon2id"


def test_clients_with_and_without_a_secret(ask, run, made):
    public = ask("client", "create", made["Id"], "spa", "--flow", "ALLOW_USER_PASSWORD_AUTH")
    secret = ask("client", "create", made["Id"], "web", "--secret")
    assert "ClientSecret" not in public
    assert (
        ask("client", "show", made["Id"], secret["ClientId"])["ClientSecret"]
        == secret["ClientSecret"]
    )

    run("client", "delete", made["Id"], public["ClientId"])

    assert [row["ClientName"] for row in ask("client", "list", made["Id"])] == ["web"]


def test_a_user_is_created_confirmed(ask, made, typed):
    typed(GOOD)
    user = ask(
        "user", "create", made["Id"], "ana", "--email", "ana@example.com",
        "--attribute", "name=Ana", "--password-stdin",
    )  # fmt: skip
    assert user["UserStatus"] == "CONFIRMED"
    assert user["Attributes"]["email_verified"] == "true"
    assert user["Attributes"]["name"] == "Ana"
    assert GOOD not in str(list(AuditEntry.objects.values()))


def test_a_weak_password_is_refused(run, made, typed):
    typed("all-lower-case")
    with pytest.raises(CommandError, match="InvalidPasswordException"):
        run("user", "create", made["Id"], "ana", "--password-stdin")
    assert not PoolUser.objects.exists()


def test_an_invited_user_gets_a_message(ask, run, made):
    user = ask("user", "create", made["Id"], "ana", "--email", "ana@example.com", "--invite")
    assert user["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert [row["State"] for row in ask("messages", "list")] == ["due"]
    assert ask("messages", "deliver") == {"Sent": 1, "Waiting": 0}
    assert ask("messages", "list", "--state", "due") == []


def test_users_are_listed_beyond_a_page(ask, made):
    call_command("bench_seed", pool=made["Id"], start=0, stop=70, stdout=io.StringIO())
    assert len(ask("user", "list", made["Id"])) == 70
    assert len(ask("user", "list", made["Id"], "--limit", "65")) == 65
    found = ask("user", "list", made["Id"], "--filter", 'email = "g0000007@example.com"')
    assert [user["Username"] for user in found] == ["g0000007"]


def test_seeded_users_can_sign_in(idp, pool, client):
    call_command("bench_seed", pool=pool.pk, start=3, stop=5, stdout=io.StringIO())
    idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "g0000004", "PASSWORD": "Bench-Passw0rd-1!"},
    )


def test_a_users_life(ask, run, pool, user, client, sign_in, idp, typed):
    tokens = sign_in(client)
    run("user", "sign-out", pool.pk, "ana")
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        idp.get_user(AccessToken=tokens["AccessToken"])
    run("user", "disable", pool.pk, "ana")
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        sign_in(client)
    run("user", "enable", pool.pk, "ana")
    typed("Another-Horse-8")
    run("user", "set-password", pool.pk, "ana", "--password-stdin")
    assert sign_in(client, password="Another-Horse-8")
    run("user", "delete", pool.pk, "ana")
    assert not PoolUser.objects.exists()


def test_what_a_user_may_sign_in_with_is_shown(ask, run, pool, user):
    assert ask("user", "factors", pool.pk, "ana") == {
        "Username": "ana",
        "ConfiguredUserAuthFactors": ["PASSWORD"],
    }
    with pytest.raises(CommandError, match="UserNotFoundException"):
        run("user", "factors", pool.pk, "nobody")


def test_a_users_limits_are_shown_and_reset(ask, run, pool, user):
    ana = PoolUser.objects.get(username=user)
    PoolUser.objects.filter(pk=ana.pk).update(failed_passwords=9, password_tried_at=timezone.now())
    limits.take_guard(Guard.CHANGE_PASSWORD, limits.subject_of(ana))
    rows = {row["Limit"]: row for row in ask("user", "limits", pool.pk, "ana")}
    assert (rows["Wrong passwords"]["Used"], rows["Wrong passwords"]["Allowed"]) == (9, 5)
    assert rows["Wrong passwords"]["Ends"]
    assert (rows["ChangePassword"]["Used"], rows["ChangePassword"]["Allowed"]) == (1, 5)
    assert rows["ForgotPassword"]["Ends"] is None
    run("user", "limits", pool.pk, "ana", "--reset")
    assert {row["Used"] for row in ask("user", "limits", pool.pk, "ana")} == {0}
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.resource, entry.source) == ("ResetUserLimits", "ana", "command")


def test_a_users_devices_are_listed_and_forgotten(
    idp, ask, run, make_pool, make_client, make_user, sign_in
):
    pool = make_pool(DeviceConfiguration={"ChallengeRequiredOnNewDevice": True})
    make_user(pool, "ana")
    result = sign_in(make_client(pool))
    key = result["NewDeviceMetadata"]["DeviceKey"]
    assert ask("user", "devices", pool.pk, "ana") == []
    idp.confirm_device(AccessToken=result["AccessToken"], DeviceKey=key, DeviceName="phone")
    (row,) = ask("user", "devices", pool.pk, "ana")
    assert row.pop("LastAuthenticated")
    assert row == {
        "DeviceKey": key,
        "Name": "phone",
        "Status": "remembered",
        "From": "127.0.0.1",
    }
    run("user", "devices", pool.pk, "ana", "--forget", key)
    assert ask("user", "devices", pool.pk, "ana") == []
    assert AuditEntry.objects.get(action="AdminForgetDevice").source == "command"
    with pytest.raises(CommandError, match="Device does not exist"):
        run("user", "devices", pool.pk, "ana", "--forget", key)


def test_devices_of_nobody(run, pool):
    with pytest.raises(CommandError, match="User does not exist"):
        run("user", "devices", pool.pk, "nobody")


def test_limits_of_nobody(run, pool):
    with pytest.raises(CommandError, match="UserNotFoundException"):
        run("user", "limits", pool.pk, "nobody")
    with pytest.raises(CommandError, match="does not exist"):
        run("user", "limits", "us-east-1_nopool", "nobody")


def test_groups_and_their_members(ask, run, pool, user):
    ask("group", "create", pool.pk, "editors", "--precedence", "3")
    run("group", "add", pool.pk, "editors", "ana")
    assert [row["Members"] for row in ask("group", "list", pool.pk)] == [1]
    run("group", "remove", pool.pk, "editors", "ana")
    run("group", "delete", pool.pk, "editors")
    assert ask("group", "list", pool.pk) == []
    with pytest.raises(CommandError, match="ResourceNotFoundException"):
        run("group", "delete", pool.pk, "editors")


def test_the_audit_is_listed_newest_first_and_filtered(ask, made):
    ask("group", "create", made["Id"], "editors")
    actions = [row["Action"] for row in ask("audit", "list", "--pool", made["Id"])]
    assert actions == ["CreateGroup", "CreateUserPool"]
    assert ask("audit", "list", "--action", "DeleteUserPool") == []
    assert "After" in ask("audit", "list", "--changes")[0]


def test_a_table_has_a_line_for_each_row(run, made):
    lines = run("pool", "list").splitlines()
    assert lines[0].split() == ["Id", "Name", "Created"]
    assert made["Id"] in lines[1]


def test_the_doctor_finds_a_working_server_in_order(ask):
    rows = ask("doctor")
    assert {row["State"] for row in rows} == {"ok"}
    assert {"database", "master key", "outbox", "clock"} <= {row["Part"] for row in rows}


def test_no_verb_asks_for_what_django_takes_first():
    with pytest.raises(ValueError, match="--settings"):
        argument("--settings")
    assert argument("--members").names == ("--members",)


def test_passkeys_are_listed_and_deleted(run, ask, passkey_app, sign_in, register):
    pool_id = passkey_app.pool_id
    passkey = register(sign_in(passkey_app)["AccessToken"])
    (row,) = ask("user", "passkeys", pool_id, "ana")
    assert row["CredentialId"] == passkey.id
    with pytest.raises(CommandError, match="ResourceNotFoundException"):
        run("user", "passkeys", pool_id, "ana", "--delete=-unknown")
    run("user", "passkeys", pool_id, "ana", f"--delete={passkey.id}")
    assert ask("user", "passkeys", pool_id, "ana") == []
    assert AuditEntry.objects.get(action="DeleteWebAuthnCredential").source == "command"


def test_second_factors_are_shown_and_set(ask, run, idp, pool, user):
    sms = {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}}
    idp.set_user_pool_mfa_config(
        UserPoolId=pool.pk,
        MfaConfiguration="OPTIONAL",
        SmsMfaConfiguration=sms,
        EmailMfaConfiguration={},
    )
    phone = [{"Name": "phone_number", "Value": "+15550001234"}]
    idp.admin_update_user_attributes(UserPoolId=pool.pk, Username=user, UserAttributes=phone)

    def mfa(*options):
        found = ask("user", "mfa", pool.pk, user, *options)
        return found["Factors"], found["Preferred"]

    assert mfa() == ([], None)
    assert mfa("--on", "SMS_MFA", "--on", "EMAIL_OTP") == (["SMS_MFA", "EMAIL_OTP"], None)
    assert mfa("--prefer", "SMS_MFA") == (["SMS_MFA", "EMAIL_OTP"], "SMS_MFA")
    assert mfa("--on", "SMS_MFA") == (["SMS_MFA", "EMAIL_OTP"], "SMS_MFA")
    assert mfa("--prefer", "none") == (["SMS_MFA", "EMAIL_OTP"], None)
    assert mfa("--off", "SMS_MFA", "--prefer", "EMAIL_OTP") == (["EMAIL_OTP"], "EMAIL_OTP")
    with pytest.raises(CommandError, match="Both on and off: SMS_MFA"):
        run("user", "mfa", pool.pk, user, "--on", "SMS_MFA", "--off", "SMS_MFA")
    with pytest.raises(CommandError, match="SOFTWARE_TOKEN_MFA is not enabled"):
        run("user", "mfa", pool.pk, user, "--on", "SOFTWARE_TOKEN_MFA")
    with pytest.raises(CommandError, match="must be enabled to be the preferred"):
        run("user", "mfa", pool.pk, user, "--off", "SMS_MFA", "--prefer", "SMS_MFA")
    PoolUser.objects.update(software_token_name="phone", mfa_methods="SOFTWARE_TOKEN_MFA EMAIL_OTP")
    assert mfa("--delete-app") == (["EMAIL_OTP"], "EMAIL_OTP")
    assert PoolUser.objects.get().software_token_name is None
