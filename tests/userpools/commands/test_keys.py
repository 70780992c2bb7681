import pytest
from django.apps import apps
from django.core.management import CommandError
from django.db.models import BinaryField

from triggers.functions import Settings, create
from userpools import sealing
from userpools.audit import Actor
from userpools.auth import passwords
from userpools.models import (
    AccessKey,
    AppClient,
    MasterKey,
    PastPassword,
    PoolUser,
    SigningKey,
)
from userpools.services import rekey

from ...authenticator import code_of
from ...conftest import PASSWORD
from ...triggers import recorder
from ...triggers.custom_sign_in import TRIGGERS, CustomSignIn, script
from ..auth.phone import Phone

# Sealed nowhere in a column of the name: a keyed hash, which is checked and never opened.
NOT_SEALED = {("VerificationCode", "code_hash"), ("Passkey", "public_key")}


@pytest.fixture
def key_file(tmp_path, settings):
    """A master key in a file of ours, installed in this process."""
    before = sealing.ring()
    path = tmp_path / "master.key"
    rekey.write_key_file(path, [settings.POOLHOUSE["MASTER_KEYS"]])
    settings.POOLHOUSE = {**settings.POOLHOUSE, "MASTER_KEY_FILE": path}
    yield path
    sealing.install(before)


@pytest.fixture
def remembering(idp, make_pool, make_user):
    """A pool with a history, whose users `ana` and `eva` had PASSWORD before."""
    pool = make_pool(Policies={"PasswordPolicy": {"MinimumLength": 8, "PasswordHistorySize": 3}})
    for name in ("ana", "eva"):
        make_user(pool, name)
        idp.admin_set_user_password(
            UserPoolId=pool.pk, Username=name, Password="Battery-Staple-7", Permanent=True
        )
    return pool


def enrol(idp, make_pool, make_client, make_user, sign_in):
    pool = make_pool(DeviceConfiguration={"ChallengeRequiredOnNewDevice": True})
    idp.set_user_pool_mfa_config(
        UserPoolId=pool.pk,
        MfaConfiguration="OPTIONAL",
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    make_user(pool, "ana")
    result = sign_in(make_client(pool))
    token = result["AccessToken"]
    Phone(idp, result["NewDeviceMetadata"]).confirm(token)
    seed = idp.associate_software_token(AccessToken=token)["SecretCode"]
    idp.verify_software_token(AccessToken=token, UserCode=code_of(seed))
    idp.associate_software_token(AccessToken=token)


def begin_custom_sign_in(idp, pool, client):
    """Leave a step whose private parameters wait for an answer."""
    recorded = Settings(
        {"name": "recorder", "runner": "python", "target": f"{recorder.__name__}.handle"}, (pool,)
    )
    arn = create(recorded, actor=Actor("test", "command")).arn
    idp.update_user_pool(UserPoolId=pool.pk, LambdaConfig=dict.fromkeys(TRIGGERS, arn))
    script()
    CustomSignIn(idp, client).begin()
    recorder.events.clear()
    recorder.answers.clear()


def test_every_sealed_column_is_registered():
    registered = {(column.model.__name__, column.name) for column in rekey.COLUMNS}
    binary = {
        (model.__name__, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, BinaryField)
    }
    assert binary - NOT_SEALED == registered


def test_every_purpose_and_context_opens_what_the_product_sealed(
    db, pool, make_client, make_pool, make_user, sign_in, remembering, operator, idp
):
    make_client(pool, GenerateSecret=True)
    idp.admin_create_user(
        UserPoolId=pool.pk,
        Username="invited",
        UserAttributes=[{"Name": "email", "Value": "i@example.com"}],
        DesiredDeliveryMediums=["EMAIL"],
    )
    # One app in use, and another that was only shown; and a device.
    enrol(idp, make_pool, make_client, make_user, sign_in)
    make_user(pool, "ana")
    begin_custom_sign_in(idp, pool, make_client(pool, ExplicitAuthFlows=["CUSTOM_AUTH_FLOW_ONLY"]))
    # Other applications' columns have their own tests.
    own = [each for each in rekey.COLUMNS if each.model._meta.app_label == "userpools"]
    for column in own:
        row = column.rows().first()
        assert row is not None, column
        assert sealing.unseal(column.purpose, column.value(row), context=column.context(row))


def test_former_passwords_are_read_with_their_users(remembering, django_assert_num_queries):
    column = next(column for column in rekey.COLUMNS if column.model is PastPassword)
    with django_assert_num_queries(1):
        contexts = {column.context(row) for row in column.rows()}
    assert len(contexts) == 2
    assert rekey.left(column) == 0


def test_rotated_former_passwords_still_count(ask, key_file, remembering, idp):
    ask("keys", "rotate-master")
    with pytest.raises(idp.exceptions.PasswordHistoryPolicyViolationException):
        idp.admin_set_user_password(
            UserPoolId=remembering.pk, Username="ana", Password=PASSWORD, Permanent=True
        )


def test_rotation_seals_everything_under_the_new_key(run, ask, key_file, pool, make_client, user):
    client = make_client(pool, GenerateSecret=True)
    old = sealing.ring().key_ids[0]
    secret = client.secret_values

    done = ask("keys", "rotate-master")

    new = sealing.ring().key_ids[0]
    assert new != old
    assert done == {"MasterKey": new, "Resealed": done["Resealed"]}
    assert done["Resealed"] >= 5
    assert all(rekey.left(column) == 0 for column in rekey.COLUMNS)
    assert list(MasterKey.objects.values_list("key_id", flat=True)) == [new]
    sealing.install(sealing.KeyRing(sealing.parse_keys(rekey.read_key_file(key_file)[0])))
    assert AppClient.objects.get(pk=client.pk).secret_values == secret
    assert passwords.matches(PoolUser.objects.select_related("pool").get(username="ana"), PASSWORD)
    assert AccessKey.objects.first().secret()


def test_an_interrupted_rotation_goes_on_with_the_key_it_began_with(ask, key_file, pool):
    path_keys = [sealing.new_key_text(), *rekey.read_key_file(key_file)]
    rekey.write_key_file(key_file, path_keys)

    ask("keys", "rotate-master")

    assert rekey.read_key_file(key_file) == path_keys
    assert ask("keys", "rotate-master")["Resealed"] == 0


def test_old_keys_are_dropped_only_when_nothing_needs_them(run, ask, key_file, pool):
    rekey.write_key_file(key_file, [sealing.new_key_text(), *rekey.read_key_file(key_file)])
    with pytest.raises(CommandError, match="still sealed"):
        run("keys", "rotate-master", "--drop-old")
    assert len(rekey.read_key_file(key_file)) == 2

    ask("keys", "rotate-master")
    run("keys", "rotate-master", "--drop-old")

    assert len(rekey.read_key_file(key_file)) == 1
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_a_value_that_no_key_opens_is_left_and_reported(run, key_file, pool):
    key = SigningKey.objects.first()
    broken = bytes(key.private_sealed)[:-1] + b"\0"
    SigningKey.objects.filter(pk=key.pk).update(private_sealed=broken)

    with pytest.raises(CommandError, match="1 values open under none"):
        run("keys", "rotate-master")
    assert bytes(SigningKey.objects.get(pk=key.pk).private_sealed) == broken


def test_a_value_written_meanwhile_is_not_undone(key_file, pool, user):
    column = next(column for column in rekey.COLUMNS if column.model is PoolUser)
    row = PoolUser.objects.get(username="ana")
    newer = sealing.seal(column.purpose, b"newer", context=row.sealing_context)
    PoolUser.objects.filter(pk=row.pk).update(password_sealed=newer)
    rekey.write_key_file(key_file, [sealing.new_key_text(), *rekey.read_key_file(key_file)])

    assert column.reseal(row) is False
    assert bytes(PoolUser.objects.get(pk=row.pk).password_sealed) == newer


def test_one_key_in_the_environment_cannot_be_rotated(run, settings):
    with pytest.raises(CommandError, match="NEW,OLD"):
        run("keys", "rotate-master")


def test_commands_refuse_a_database_of_another_key(run, pool):
    rekey.verify()
    before = sealing.ring()
    sealing.install(sealing.KeyRing(sealing.parse_keys(sealing.new_key_text())))
    try:
        with pytest.raises(CommandError, match=before.key_ids[0]):
            run("keys", "list", pool.pk)
    finally:
        sealing.install(before)
    assert run("keys", "list", pool.pk)


def test_new_master_prints_a_key_and_nothing_else(run):
    assert len(sealing.parse_keys(run("keys", "new-master"))[0]) == sealing.KEY_BYTES


def test_rotated_signing_keys_overlap(ask, pool, client, user, sign_in, idp):
    before = sign_in(client)
    old = {row["KeyId"] for row in ask("keys", "list", pool.pk)}

    fresh = {row["KeyId"] for row in ask("keys", "rotate", pool.pk)}

    rows = ask("keys", "list", pool.pk)
    assert {row["KeyId"] for row in rows} == old | fresh
    assert {row["KeyId"] for row in rows if row["Signs"]} == fresh
    assert idp.get_user(AccessToken=before["AccessToken"])["Username"] == "ana"
    assert idp.get_user(AccessToken=sign_in(client)["AccessToken"])["Username"] == "ana"


def test_rotation_without_overlap_ends_the_tokens_issued_so_far(
    run, pool, client, user, sign_in, idp
):
    before = sign_in(client)
    run("keys", "rotate", pool.pk, "--overlap-hours", "0")
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        idp.get_user(AccessToken=before["AccessToken"])
