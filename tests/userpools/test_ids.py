import re
import unicodedata
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userpools import ids


@pytest.mark.parametrize(
    ("make", "form"),
    [
        (lambda: ids.new_pool_id("us-gov-west-1"), r"us-gov-west-1_[0-9A-Za-z]{9}"),
        (ids.new_client_id, r"[a-z0-9]{26}"),
        (ids.new_client_secret, r"[a-z0-9]{51}"),
        (ids.new_access_key_id, r"AKIA[A-Z2-7]{16}"),
        (ids.new_temporary_key_id, r"ASIA[A-Z2-7]{16}"),
        (ids.new_secret_access_key, r"[A-Za-z0-9/+]{40}"),
        (lambda: ids.new_device_key("us-east-1"), r"us-east-1_[0-9a-f-]{36}"),
        (lambda: ids.device_group_key("us-east-1_x", uuid.uuid4()), r"-[0-9A-Za-z]{8}"),
        (ids.new_uuid, r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    ],
)
def test_identifiers_have_their_form_and_differ(make, form):
    made = [make() for _ in range(200)]
    assert len(set(made)) == 200
    assert all(re.fullmatch(form, each) for each in made)


def test_a_uuid_reads_back():
    text = ids.new_uuid()
    assert str(uuid.UUID(text)) == text


@pytest.mark.parametrize("digits", [4, 6, 8])
def test_a_code_keeps_its_leading_zeros(digits, monkeypatch):
    assert re.fullmatch(rf"[0-9]{{{digits}}}", ids.new_numeric_code(digits))
    monkeypatch.setattr(ids.secrets, "randbelow", lambda bound: bound // 10**digits + 6)
    assert ids.new_numeric_code(digits) == "7".zfill(digits)


# Temporary passwords

CLASSES = {
    "upper": str.isupper,
    "lower": str.islower,
    "numbers": str.isdigit,
    "symbols": lambda char: char in "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+-",
}


@given(st.integers(6, 99), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_a_temporary_password_meets_the_policy(minimum_length, upper, lower, numbers, symbols):
    demanded = {"upper": upper, "lower": lower, "numbers": numbers, "symbols": symbols}
    password = ids.temporary_password(minimum_length=minimum_length, **demanded)
    assert len(password) == max(minimum_length, 12)
    assert password[0].isalnum()
    for name, is_member in CLASSES.items():
        if demanded[name]:
            assert any(map(is_member, password)), name
    assert all(any(is_member(char) for is_member in CLASSES.values()) for char in password)


def test_temporary_passwords_differ():
    policy = {"upper": True, "lower": True, "numbers": True, "symbols": True}
    assert len({ids.temporary_password(minimum_length=8, **policy) for _ in range(200)}) == 200


# ARNs


def test_a_pool_arn_reads_back():
    arn = ids.user_pool_arn("eu-west-1", "000000000000", "eu-west-1_AbCdEf123")
    assert arn == "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_AbCdEf123"
    assert ids.parse_user_pool_arn(arn) == ("eu-west-1", "000000000000", "eu-west-1_AbCdEf123")


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "eu-west-1_AbCdEf123",
        "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/",
        "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/us-east-1_AbCdEf123",
        "arn:aws:cognito-idp:eu-west-1:00000000000:userpool/eu-west-1_AbCdEf123",
        "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_AbCdEf123/x",
        "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_AbCdEf123\n",
        "arn:aws:cognito-idp:eu-west-1:\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660:userpool/eu-west-1_AbCdEf123",
        "arn:aws:cognito-idp::000000000000:userpool/_AbCdEf123",
        "arn:aws:cognito-sync:eu-west-1:000000000000:userpool/eu-west-1_AbCdEf123",
    ],
)
def test_what_is_no_pool_arn_is_refused(arn):
    with pytest.raises(ValueError, match="user pool"):
        ids.parse_user_pool_arn(arn)


# Names


def same(one, other, *, case_sensitive):
    return ids.canonical_key(one, case_sensitive=case_sensitive) == ids.canonical_key(
        other, case_sensitive=case_sensitive
    )


@pytest.mark.parametrize("case_sensitive", [True, False])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("zo\u00eb", "zoe\u0308"),
        ("\u212a", "K"),
        ("\u212b", "A\u030a"),
        ("\uac00", "\u1100\u1161"),
        ("q\u0307\u0323", "q\u0323\u0307"),
    ],
)
def test_canonically_equal_spellings_are_one_name(one, other, case_sensitive):
    assert one != other
    assert same(one, other, case_sensitive=case_sensitive)


@pytest.mark.parametrize("case_sensitive", [True, False])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\uff41dmin", "admin"),
        ("adm\u0131n", "admin"),
        ("\u0430dmin", "admin"),
        ("admin\u200b", "admin"),
        ("admin ", "admin"),
        ("\u00b2", "2"),
        ("\u2460", "1"),
        ("zoe", "zo\u00eb"),
        ("\u0130", "i"),
    ],
)
def test_look_alikes_stay_names_of_their_own(one, other, case_sensitive):
    assert not same(one, other, case_sensitive=case_sensitive)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Admin", "admin"),
        ("\u017fam", "sam"),
        ("stra\u00dfe", "STRASSE"),
        ("\ufb01n", "fin"),
        ("ZO\u00cb", "zoe\u0308"),
        ("\u03a3", "\u03c2"),
        ("\uff21", "\uff41"),
    ],
)
def test_case_folding_joins_names_in_case_insensitive_pools_alone(one, other):
    assert same(one, other, case_sensitive=False)
    assert not same(one, other, case_sensitive=True)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.booleans())
def test_a_key_is_its_own_key(name, case_sensitive):
    key = ids.canonical_key(name, case_sensitive=case_sensitive)
    assert ids.canonical_key(key, case_sensitive=case_sensitive) == key
    assert unicodedata.is_normalized("NFC", key)


@given(st.text(), st.booleans())
def test_every_normal_form_of_a_name_has_one_key(name, case_sensitive):
    forms = {unicodedata.normalize(form, name) for form in ("NFC", "NFD")} | {name}
    assert len({ids.canonical_key(form, case_sensitive=case_sensitive) for form in forms}) == 1


# Masks


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("jane@example.com", "j***@e***"),
        ("j@e", "j***@e***"),
        ('"a@b"@example.com', '"***@e***'),
        ("@example.com", "***@e***"),
        ("jane@", "j***@***"),
        ("jane", "***"),
        ("", "***"),
    ],
)
def test_an_email_address_shows_two_characters(address, masked):
    assert ids.mask_email(address) == masked


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+12065551234", "+*******1234"),
        ("+4912345", "+***2345"),
        ("12065551234", "+*******1234"),
        ("+1234", "+****"),
        ("+12", "+**"),
        ("", "+"),
    ],
)
def test_a_phone_number_shows_four_digits(number, masked):
    assert ids.mask_phone(number) == masked
