"""Passkeys through boto3: registering, listing, deleting, and what is refused."""

import contextlib
import hashlib
import json
import threading
from datetime import timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor
from webauthn.helpers.cose import COSECRV, COSEAlgorithmIdentifier, COSEKey

from tests.calls import in_parallel, refused
from tests.passkey import PRESENT, VERIFIED, Passkey, cose_key
from tests.userpools.conftest import RP_ID
from userpools.auth import passkeys, web_authn
from userpools.errors import AwsError
from userpools.models import Passkey as Row
from userpools.models import PoolUser
from userpools.services import relying_party, users

pytestmark = pytest.mark.django_db

NOT_FOUND = "WebAuthnChallengeNotFoundException"
NOT_SUPPORTED = "WebAuthnCredentialNotSupportedException"


@pytest.fixture
def app(passkey_app):
    return passkey_app


@pytest.fixture
def token(app, sign_in):
    return sign_in(app)["AccessToken"]


def start(idp, token):
    answered = idp.start_web_authn_registration(AccessToken=token)
    return answered["CredentialCreationOptions"]


def complete(idp, token, credential):
    return idp.complete_web_authn_registration(AccessToken=token, Credential=credential)


def not_completed(idp, error, token, credential):
    return refused(
        idp,
        error,
        idp.complete_web_authn_registration,
        AccessToken=token,
        Credential=credential,
    )


def listed(idp, token, **members):
    return idp.list_web_authn_credentials(AccessToken=token, **members)["Credentials"]


# Starting


def test_the_options_are_the_services(idp, app, token):
    options = start(idp, token)
    challenge = options.pop("challenge")
    user = PoolUser.objects.get()
    assert len(base64url_to_bytes(challenge)) >= 32
    assert options == {
        "rp": {"id": RP_ID, "name": RP_ID},
        "user": {
            "id": bytes_to_base64url(str(user.sub).encode()),
            "name": "ana",
            "displayName": "ana",
        },
        "timeout": 60000,
        "pubKeyCredParams": [
            {"type": "public-key", "alg": -7},
            {"type": "public-key", "alg": -257},
        ],
        "excludeCredentials": [],
        "authenticatorSelection": {
            "requireResidentKey": True,
            "residentKey": "required",
            "userVerification": "preferred",
        },
    }
    assert start(idp, token)["challenge"] != challenge


@pytest.mark.parametrize(
    "configuration",
    [
        {"UserVerification": "required"},
        {"FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION"},
    ],
)
def test_the_options_demand_verification_where_the_pool_does(
    idp, register, passkey_pool, make_user, make_client, sign_in, configuration
):
    pool = passkey_pool(**configuration)
    make_user(pool, "ana")
    token = sign_in(make_client(pool))["AccessToken"]
    options = start(idp, token)
    assert options["authenticatorSelection"]["userVerification"] == "required"
    said = Passkey().register(options, flags=PRESENT)
    not_completed(idp, NOT_SUPPORTED, token, said)
    assert register(token)


def test_in_a_pool_of_addresses_the_passkey_bears_the_address(idp, make_pool, make_client, sign_in):
    pool = make_pool(
        UsernameAttributes=["email"],
        Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}},
    )
    idp.set_user_pool_mfa_config(
        UserPoolId=pool.id, WebAuthnConfiguration={"RelyingPartyId": RP_ID}
    )
    idp.admin_create_user(UserPoolId=pool.id, Username="ana@example.com", MessageAction="SUPPRESS")
    idp.admin_set_user_password(
        UserPoolId=pool.id, Username="ana@example.com", Password="Correct-Horse-9", Permanent=True
    )
    token = sign_in(make_client(pool), "ana@example.com")["AccessToken"]
    assert start(idp, token)["user"]["name"] == "ana@example.com"


def test_a_pool_without_passkeys_says_so(idp, client, user, sign_in):
    token = sign_in(client)["AccessToken"]
    refused(idp, "WebAuthnNotEnabledException", idp.start_web_authn_registration, AccessToken=token)
    not_completed(idp, "WebAuthnNotEnabledException", token, {"id": "x"})
    assert listed(idp, token) == []


def test_a_pool_without_relying_party_says_so(idp, passkey_pool, make_user, make_client, sign_in):
    pool = passkey_pool(rp_id="")
    make_user(pool, "ana")
    refused(
        idp,
        "WebAuthnConfigurationMissingException",
        idp.start_web_authn_registration,
        AccessToken=sign_in(make_client(pool))["AccessToken"],
    )


def test_starting_writes_nothing(idp, token, django_assert_num_queries):
    with django_assert_num_queries(2):  # the session with its user, and the user's passkeys
        start(idp, token)


# Completing


def test_a_passkey_is_kept(idp, register, token):
    passkey = Passkey(sign_count=7)
    with time_machine.travel(timezone.now(), tick=False):
        register(token, passkey)
        now = timezone.now()
    (shown,) = listed(idp, token)
    created_at = shown.pop("CreatedAt")
    assert abs(created_at - now) < timedelta(seconds=1)
    assert shown == {
        "CredentialId": passkey.id,
        "FriendlyCredentialName": "Platform passkey",
        "RelyingPartyId": RP_ID,
        "AuthenticatorAttachment": "platform",
        "AuthenticatorTransports": ["internal", "hybrid"],
    }
    row = Row.objects.get()
    assert row.sign_count == 7
    assert row.aaguid.hex == "00112233445566778899aabbccddeeff"
    assert start(idp, token)["excludeCredentials"] == [{"type": "public-key", "id": passkey.id}]


@pytest.mark.parametrize(
    ("attachment", "transports", "name"),
    [
        ("cross-platform", ["usb", "nfc"], "Roaming passkey"),
        (None, ["internal"], "Platform passkey"),
        (None, [], "Passkey"),
    ],
)
def test_a_passkey_is_named_by_where_it_is(idp, register, token, attachment, transports, name):
    register(token, attachment=attachment, transports=transports)
    (shown,) = listed(idp, token)
    assert shown["FriendlyCredentialName"] == name
    assert shown.get("AuthenticatorAttachment") == attachment
    assert shown["AuthenticatorTransports"] == transports


def test_an_rsa_passkey_is_kept(idp, register, token):
    register(token, Passkey(key=rsa.generate_private_key(65537, 2048)))
    assert len(listed(idp, token)) == 1


@pytest.mark.parametrize(
    "origin",
    ["https://example.com", "https://app.example.com", "https://a.b.example.com:8443"],
)
def test_pages_of_the_relying_party_may_register(register, token, origin):
    assert register(token, Passkey(origin=origin))


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.org",
        "http://example.com",
        "https://badexample.com",
        "https://example.com.evil.org",
        "https://example.com@evil.org",
        "https://evil.org/example.com",
        "https://evil.org#.example.com",
        "https://EXAMPLE.com",
        "https://example.com/",
        "https://example.com:443:1",
        "https://example.com\n",
        "https://com",
        "http://localhost",
        "android:apk-key-hash:example.com",
        "null",
        "",
    ],
)
def test_pages_of_others_may_not_register(idp, token, origin):
    said = Passkey(origin=origin).register(start(idp, token))
    not_completed(idp, "WebAuthnOriginNotAllowedException", token, said)
    assert listed(idp, token) == []


def test_without_a_relying_party_no_page_speaks_for_it():
    assert not relying_party.allows_origin("", "https://evil.org.")


def test_a_frame_in_anothers_page_may_not_register(idp, token):
    said = Passkey().register(start(idp, token), cross_origin=True)
    not_completed(idp, "WebAuthnOriginNotAllowedException", token, said)


@pytest.mark.parametrize("origin", ["http://localhost:5173", "https://app.localhost"])
def test_localhost_needs_no_tls(
    idp, register, passkey_pool, make_user, make_client, sign_in, origin
):
    pool = passkey_pool("localhost")
    make_user(pool, "ana")
    token = sign_in(make_client(pool))["AccessToken"]
    assert register(token, Passkey(origin=origin))
    said = Passkey(origin="http://localhost.evil.org").register(start(idp, token))
    not_completed(idp, "WebAuthnOriginNotAllowedException", token, said)


def test_a_credential_of_another_relying_party_is_refused(idp, token):
    said = Passkey().register(start(idp, token), rp_id="app.example.com")
    not_completed(idp, "WebAuthnRelyingPartyMismatchException", token, said)


def test_a_relying_party_that_changed_meanwhile_is_another(idp, app, token):
    said = Passkey(origin="https://app.example.com").register(start(idp, token))
    for configuration in ({"RelyingPartyId": "app.example.com"}, {}):
        idp.set_user_pool_mfa_config(UserPoolId=app.pool_id, WebAuthnConfiguration=configuration)
        not_completed(idp, "WebAuthnRelyingPartyMismatchException", token, said)


def test_a_user_who_was_not_there_is_refused(idp, token):
    said = Passkey().register(start(idp, token), flags=VERIFIED)
    not_completed(idp, NOT_SUPPORTED, token, said)


def algorithm(number):
    return {COSEKey.ALG: number}


@pytest.mark.parametrize(
    "change",
    [
        algorithm(COSEAlgorithmIdentifier.EDDSA),
        algorithm(COSEAlgorithmIdentifier.ECDSA_SHA_512),
        algorithm(COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256),
        {COSEKey.CRV: COSECRV.P521},
        {COSEKey.X: b"\x01" * 32},
        {COSEKey.X: b""},
        {COSEKey.Y: "text"},
        {COSEKey.KTY: 99},
    ],
)
def test_a_key_that_cannot_be_checked_is_refused(idp, token, change):
    passkey = Passkey()
    said = passkey.register(start(idp, token), cose={**cose_key(passkey.key), **change})
    not_completed(idp, NOT_SUPPORTED, token, said)
    assert not Row.objects.exists()


@pytest.mark.parametrize("bits", [1024, 8192])
def test_an_rsa_key_of_an_unfit_size_is_refused(idp, token, bits):
    passkey = Passkey(key=rsa.generate_private_key(65537, 2048))
    numbers = {**cose_key(passkey.key), COSEKey.N: b"\xc5" * (bits // 8)}
    not_completed(idp, NOT_SUPPORTED, token, passkey.register(start(idp, token), cose=numbers))


def test_a_key_on_another_curve_is_refused(idp, token):
    key = ec.generate_private_key(ec.SECP384R1())
    numbers = key.public_key().public_numbers()
    cose = {
        **cose_key(ec.generate_private_key(ec.SECP256R1())),
        COSEKey.CRV: COSECRV.P384,
        COSEKey.X: numbers.x.to_bytes(48, "big"),
        COSEKey.Y: numbers.y.to_bytes(48, "big"),
    }
    not_completed(idp, NOT_SUPPORTED, token, Passkey().register(start(idp, token), cose=cose))


def test_an_attestation_is_neither_wanted_nor_believed(idp, register, token):
    statement = {"fmt": "packed", "attStmt": {"alg": -7, "sig": b"no signature"}}
    passkey = register(token, statement=statement)
    assert listed(idp, token)[0]["CredentialId"] == passkey.id


def test_a_credential_id_that_is_too_long_is_refused(idp, register, token):
    longest = register(token, Passkey(credential_id=b"\x01" * 1023))
    assert listed(idp, token)[0]["CredentialId"] == longest.id
    said = Passkey(credential_id=b"\x01" * 1024).register(start(idp, token))
    not_completed(idp, NOT_SUPPORTED, token, said)


def test_the_id_must_be_the_attested_one(idp, token):
    said = Passkey().register(start(idp, token), attested_id=b"another")
    not_completed(idp, "InvalidParameterException", token, said)


def test_a_challenge_serves_once(idp, token):
    passkey = Passkey()
    said = passkey.register(start(idp, token))
    complete(idp, token, said)
    not_completed(idp, NOT_FOUND, token, said)
    idp.delete_web_authn_credential(AccessToken=token, CredentialId=passkey.id)
    not_completed(idp, NOT_FOUND, token, said)
    assert listed(idp, token) == []


def test_a_challenge_of_another_passkey_serves_once(idp, token):
    options = start(idp, token)
    complete(idp, token, Passkey().register(options))
    not_completed(idp, NOT_FOUND, token, Passkey().register(options))
    assert len(listed(idp, token)) == 1


def test_a_challenge_expires(idp, token):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        said = Passkey().register(start(idp, token))
        clock.shift(passkeys.CHALLENGE_LIFETIME - timedelta(seconds=1))
        complete(idp, token, said)
        late = Passkey().register(start(idp, token))
        clock.shift(passkeys.CHALLENGE_LIFETIME)
        not_completed(idp, NOT_FOUND, token, late)


@pytest.mark.parametrize("challenge", ["", "AAAA", "x" * 64, "ä"])
def test_a_challenge_that_was_not_given_is_unknown(idp, token, challenge):
    said = Passkey().register(start(idp, token), challenge=challenge)
    error = "InvalidParameterException" if challenge == "ä" else NOT_FOUND
    not_completed(idp, error, token, said)


def test_a_challenge_that_was_altered_is_unknown(idp, token):
    options = start(idp, token)
    raw = bytearray(base64url_to_bytes(options["challenge"]))
    raw[-1] ^= 1
    said = Passkey().register({**options, "challenge": bytes_to_base64url(bytes(raw))})
    not_completed(idp, NOT_FOUND, token, said)


def test_a_challenge_of_another_user_is_unknown(idp, app, token, make_user, sign_in):
    make_user(app.pool, "ben")
    other = sign_in(app, "ben")["AccessToken"]
    said = Passkey().register(start(idp, token))
    not_completed(idp, NOT_FOUND, other, said)
    complete(idp, token, said)


def test_a_challenge_of_another_pool_is_unknown(
    idp, token, passkey_pool, make_user, make_client, sign_in
):
    pool = passkey_pool()
    make_user(pool, "ana")
    other = sign_in(make_client(pool))["AccessToken"]
    not_completed(idp, NOT_FOUND, other, Passkey().register(start(idp, token)))


def test_a_challenge_of_another_client_says_so(idp, app, token, make_client, sign_in):
    other = sign_in(make_client(app.pool))["AccessToken"]
    said = Passkey().register(start(idp, token))
    not_completed(idp, "WebAuthnClientMismatchException", other, said)
    complete(idp, token, said)


def test_a_passkey_is_registered_once(idp, register, app, token, make_user, sign_in):
    passkey = register(token)
    said = passkey.register(start(idp, token))
    assert not_completed(idp, "InvalidParameterException", token, said) == passkeys.REGISTERED
    make_user(app.pool, "ben")
    other = sign_in(app, "ben")["AccessToken"]
    said = passkey.register(start(idp, other))
    assert not_completed(idp, "InvalidParameterException", other, said) == passkeys.REGISTERED
    assert Row.objects.get().user.username == "ana"


def test_the_same_id_in_another_pool_is_another_passkey(
    register, token, passkey_pool, make_user, make_client, sign_in
):
    passkey = register(token)
    pool = passkey_pool()
    make_user(pool, "ana")
    register(sign_in(make_client(pool))["AccessToken"], passkey)
    assert Row.objects.count() == 2


def test_a_user_has_so_many_passkeys(idp, register, token):
    last = [start(idp, token)]
    for _ in range(passkeys.MOST - 1):
        register(token)
    last.append(start(idp, token))
    complete(idp, token, Passkey().register(last.pop()))
    assert (
        not_completed(idp, "LimitExceededException", token, Passkey().register(last.pop()))
        == passkeys.TOO_MANY
    )
    refused(idp, "LimitExceededException", idp.start_web_authn_registration, AccessToken=token)
    assert len(listed(idp, token)) == passkeys.MOST


@pytest.mark.parametrize("act", ["disable", "sign_out"])
def test_a_session_that_ends_meanwhile_leaves_no_passkey(idp, app, token, act, monkeypatch):
    said = Passkey().register(start(idp, token))
    verify = web_authn.attested

    def end_and_verify(*args, **kwargs):
        user = PoolUser.objects.get()
        if act == "disable":
            PoolUser.objects.filter(pk=user.pk).update(enabled=False)
        else:
            users.sign_out_everywhere(user)
        return verify(*args, **kwargs)

    monkeypatch.setattr(web_authn, "attested", end_and_verify)
    not_completed(idp, "NotAuthorizedException", token, said)
    assert not Row.objects.exists()


@pytest.mark.parametrize("token_of", ["nobody", "a revoked session"])
def test_an_access_token_is_needed(idp, token, token_of):
    given = "eyJ.eyJ.sig"
    if token_of == "a revoked session":
        idp.global_sign_out(AccessToken=token)
        given = token
    for call, members in (
        (idp.start_web_authn_registration, {}),
        (idp.complete_web_authn_registration, {"Credential": {"id": "x"}}),
        (idp.list_web_authn_credentials, {}),
        (idp.delete_web_authn_credential, {"CredentialId": "x"}),
    ):
        refused(idp, "NotAuthorizedException", call, AccessToken=given, **members)


# What is no credential


@pytest.mark.parametrize(
    "change",
    [
        {"response": None},
        {"response": {}},
        {"response": {"clientDataJSON": "e30"}},
        {"response": {"clientDataJSON": 7}},
        {"response": {"clientDataJSON": bytes_to_base64url(b"[" * 20_000)}},
        {"id": "other"},
        {"type": "password"},
        {"rawId": None},
        {"authenticatorAttachment": "implanted"},
    ],
)
def test_what_is_no_credential_is_refused(idp, token, change):
    said = {**Passkey().register(start(idp, token)), **change}
    error = NOT_SUPPORTED if "id" in change else "InvalidParameterException"
    not_completed(idp, error, token, said)


@pytest.mark.parametrize(
    "attestation",
    [
        b"",
        b"\xff",
        encode_cbor([1, 2]),
        encode_cbor({"fmt": "none", "attStmt": {}}),
        encode_cbor({"fmt": "none", "attStmt": {}, "authData": "text"}),
        encode_cbor({"fmt": "none", "attStmt": {}, "authData": b"short"}),
        b"\x81" * 10_000,
    ],
)
def test_an_attestation_object_that_is_none_is_refused(idp, token, attestation):
    said = Passkey().register(start(idp, token))
    said["response"]["attestationObject"] = bytes_to_base64url(attestation)
    not_completed(idp, "InvalidParameterException", token, said)


def test_a_part_that_is_too_long_is_refused(idp, token):
    said = Passkey().register(start(idp, token))
    said["response"]["attestationObject"] += "A" * web_authn.LONGEST_PART
    not_completed(idp, "InvalidParameterException", token, said)


HASH = hashlib.sha256(RP_ID.encode()).digest()
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.binary(max_size=40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers(-4, 4), inner),
    max_leaves=6,
)


@given(
    flags=st.sampled_from([0x45, 0x41, 0xC5, 0x05, 0x55]),
    key=ANYTHING | st.dictionaries(st.sampled_from([1, 3, -1, -2, -3]), ANYTHING),
    tail=st.binary(max_size=4),
)
def test_no_authenticator_data_is_a_fault(flags, key, tail):
    passkey = Passkey(rp_id=RP_ID)
    options = {"rp": {"id": RP_ID}, "user": {"id": "AAAA"}, "challenge": "AAAA"}
    said = passkey.register(options, flags=flags, cose=key or {})
    data = passkey._data(flags | 64) + bytes(16) + b"\x00\x20" + passkey.credential_id
    attestation = {"fmt": "none", "attStmt": {}, "authData": data + encode_cbor(key) + tail}
    said["response"]["attestationObject"] = bytes_to_base64url(encode_cbor(attestation))
    with pytest.raises(AwsError):
        web_authn.attested(
            said,
            challenge=base64url_to_bytes("AAAA"),
            origin=passkey.origin,
            relying_party_id=RP_ID,
            demands_verification=False,
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@given(
    said=JSON | st.fixed_dictionaries({"challenge": JSON, "origin": JSON}),
    part=st.sampled_from(["id", "rawId", "type", "response", "authenticatorAttachment"]),
    value=JSON,
)
def test_no_credential_is_a_fault(said, part, value):
    text = bytes_to_base64url(json.dumps(said).encode())
    whole = Passkey().register({"rp": {"id": RP_ID}, "user": {"id": "AAAA"}, "challenge": "AAAA"})
    whole["response"]["clientDataJSON"] = text
    for credential in (whole, {**whole, part: value}):
        with contextlib.suppress(AwsError):
            web_authn.client_data(credential)
        with pytest.raises(AwsError):
            web_authn.attested(
                credential,
                challenge=b"no challenge of ours",
                origin="https://example.com",
                relying_party_id=RP_ID,
                demands_verification=False,
            )


# Listing and deleting


def test_passkeys_are_listed_in_pages(idp, register, token):
    made = [register(token).id for _ in range(3)]
    first = idp.list_web_authn_credentials(AccessToken=token, MaxResults=2)
    rest = idp.list_web_authn_credentials(
        AccessToken=token, MaxResults=2, NextToken=first["NextToken"]
    )
    shown = [each["CredentialId"] for each in first["Credentials"] + rest["Credentials"]]
    assert shown == made
    assert "NextToken" not in rest


def test_a_page_of_another_user_is_refused(idp, register, app, token, make_user, sign_in):
    register(token)
    register(token)
    page = idp.list_web_authn_credentials(AccessToken=token, MaxResults=1)["NextToken"]
    make_user(app.pool, "ben")
    refused(
        idp,
        "InvalidParameterException",
        idp.list_web_authn_credentials,
        AccessToken=sign_in(app, "ben")["AccessToken"],
        NextToken=page,
    )


def test_only_ones_own_passkeys_are_seen_and_deleted(idp, register, app, token, make_user, sign_in):
    passkey = register(token)
    make_user(app.pool, "ben")
    other = sign_in(app, "ben")["AccessToken"]
    assert listed(idp, other) == []
    for given_token, credential_id in ((other, passkey.id), (token, "unknown")):
        refused(
            idp,
            "ResourceNotFoundException",
            idp.delete_web_authn_credential,
            AccessToken=given_token,
            CredentialId=credential_id,
        )
    idp.delete_web_authn_credential(AccessToken=token, CredentialId=passkey.id)
    assert listed(idp, token) == []
    register(other, passkey)


def test_what_passkeys_cost(idp, register, token, django_assert_num_queries):
    passkey = Passkey()
    said = passkey.register(start(idp, token))
    # The session with its user; then one transaction: the user locked, the challenge used up, the
    # passkeys counted and one more written, the two writes each in a savepoint.
    with django_assert_num_queries(11):
        complete(idp, token, said)
    with django_assert_num_queries(2):
        listed(idp, token)
    # The session; the user locked, the passkey found and deleted, in a transaction.
    with django_assert_num_queries(5):
        idp.delete_web_authn_credential(AccessToken=token, CredentialId=passkey.id)


def test_passkeys_go_with_their_pool(idp, register, app, token):
    register(token)
    idp.delete_user_pool(UserPoolId=app.pool_id)
    assert not Row.objects.exists()


def test_passkeys_go_with_their_user(idp, register, app, token):
    register(token)
    idp.delete_user(AccessToken=token)
    assert not Row.objects.exists()


# The relying party id


@pytest.mark.parametrize(
    "rp_id",
    [
        "example.com",
        "localhost",
        "auth.corp",
        "intranet",
        "a.github.io",
        "xn--bcher-kva.example",
        "a" * 63 + ".example",
    ],
)
def test_a_relying_party_is_a_domain(idp, passkey_pool, rp_id):
    pool = passkey_pool(rp_id)
    shown = idp.get_user_pool_mfa_config(UserPoolId=pool.id)["WebAuthnConfiguration"]
    assert shown == {"RelyingPartyId": rp_id}


@pytest.mark.parametrize(
    "rp_id",
    [
        "com",
        "co.uk",
        "github.io",
        "127.0.0.1",
        "::1",
        "Example.com",
        "https://example.com",
        "example.com:443",
        "example.com/",
        "example.com.",
        ".example.com",
        "-a.example",
        "a..example",
        "bücher.example",
        "a" * 64 + ".example",
        "exa mple.com",
    ],
)
def test_a_relying_party_is_nobody_elses(idp, pool, rp_id):
    said = refused(
        idp,
        "InvalidParameterException",
        idp.set_user_pool_mfa_config,
        UserPoolId=pool.id,
        WebAuthnConfiguration={"RelyingPartyId": rp_id},
    )
    assert "relying party ID" in said


# In parallel


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_registration_is_completed_once_in_parallel(idp, token):
    said = Passkey().register(start(idp, token))
    outcomes = in_parallel(4, lambda: complete(idp, token, said))
    assert sorted(outcomes) == [*[NOT_FOUND] * 3, "done"]
    assert Row.objects.count() == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_passkey_is_registered_once_in_parallel(idp, app, token, make_user, sign_in):
    make_user(app.pool, "ben")
    other = sign_in(app, "ben")["AccessToken"]
    passkey = Passkey()
    turns = [(each, passkey.register(start(idp, each))) for each in (token, other)]
    lock = threading.Lock()

    def one():
        with lock:
            mine = turns.pop()
        complete(idp, *mine)

    outcomes = in_parallel(2, one)
    assert sorted(outcomes) == ["InvalidParameterException", "done"]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_limit_holds_in_parallel(idp, register, token):
    for _ in range(passkeys.MOST - 1):
        register(token)
    waiting = [Passkey().register(start(idp, token)) for _ in range(3)]
    outcomes = in_parallel(3, lambda: complete(idp, token, waiting.pop()))
    assert sorted(outcomes) == [*["LimitExceededException"] * 2, "done"]
    assert Row.objects.count() == passkeys.MOST
