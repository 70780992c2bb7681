import base64
import itertools

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from userpools import sealing
from userpools.sealing import Broken, KeyRing, Purpose

OLD, NEW = b"o" * 32, b"n" * 32
TOKEN_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture(autouse=True)
def _old_key_alone():
    before = sealing._installed
    sealing.install(KeyRing([OLD]))
    yield
    sealing.install(before)


@pytest.mark.parametrize("plaintext", [b"", b"x", bytes(1000)])
@pytest.mark.parametrize("purpose", Purpose)
def test_every_purpose_opens_what_it_sealed(purpose, plaintext):
    sealed = sealing.seal(purpose, plaintext, context="row 1")
    assert sealing.unseal(purpose, sealed, context="row 1") == plaintext
    token = sealing.seal_token(purpose, plaintext, context="row 1")
    assert sealing.unseal_token(purpose, token, context="row 1") == plaintext


@pytest.mark.parametrize("purpose", Purpose)
def test_no_purpose_opens_another_ones_values(purpose):
    sealed = sealing.seal(purpose, b"secret", context="c")
    for other in set(Purpose) - {purpose}:
        with pytest.raises(Broken):
            sealing.unseal(other, sealed, context="c")


def test_the_purpose_is_authenticated_and_not_in_the_key_alone(monkeypatch):
    monkeypatch.setattr(sealing, "_cipher", lambda *_: sealing.AESGCM(OLD))
    sealed = sealing.seal(Purpose.CODE, b"secret", context="c")
    assert sealing.unseal(Purpose.CODE, sealed, context="c") == b"secret"
    with pytest.raises(Broken):
        sealing.unseal(Purpose.MESSAGE, sealed, context="c")


@pytest.mark.parametrize("context", ["", "row 2", "row 1 ", b"row 1\0", "Row 1"])
def test_a_value_moved_to_another_row_does_not_open(context):
    sealed = sealing.seal(Purpose.PASSWORD, b"verifier", context="row 1")
    with pytest.raises(Broken):
        sealing.unseal(Purpose.PASSWORD, sealed, context=context)


def test_text_and_its_bytes_are_the_same_context():
    sealed = sealing.seal(Purpose.PASSWORD, b"v", context="Zoë")
    assert sealing.unseal(Purpose.PASSWORD, sealed, context="Zoë".encode()) == b"v"


def test_a_change_to_any_byte_is_noticed():
    sealed = sealing.seal(Purpose.TOTP_SEED, b"seed", context="u")
    for position, bit in itertools.product(range(len(sealed)), (0x01, 0x80)):
        altered = bytearray(sealed)
        altered[position] ^= bit
        with pytest.raises(Broken):
            sealing.unseal(Purpose.TOTP_SEED, bytes(altered), context="u")


def test_what_is_cut_or_lengthened_does_not_open():
    sealed = sealing.seal(Purpose.TOTP_SEED, b"seed", context="u")
    for wrong in [sealed[:length] for length in range(len(sealed))] + [sealed + b"\0"]:
        with pytest.raises(Broken):
            sealing.unseal(Purpose.TOTP_SEED, wrong, context="u")


def test_the_same_plaintext_never_seals_alike():
    assert len({sealing.seal(Purpose.CODE, b"1", context="c") for _ in range(50)}) == 50


def test_a_memoryview_from_the_database_opens():
    sealed = memoryview(sealing.seal(Purpose.CODE, b"1", context="c"))
    assert sealing.unseal(Purpose.CODE, sealed, context="c") == b"1"
    assert sealing.is_current(sealed)


# Rotation


def test_rotation_opens_old_values_and_seals_under_the_new_key():
    sealed = sealing.seal(Purpose.CLIENT_SECRET, b"s", context="client")
    sealing.install(KeyRing([NEW, OLD]))
    assert not sealing.is_current(sealed)
    again = sealing.reseal(Purpose.CLIENT_SECRET, sealed, context="client")
    assert sealing.is_current(again)
    assert sealing.key_id_of(again) != sealing.key_id_of(sealed)
    assert sealing.ring().key_ids == [sealing.key_id_of(again), sealing.key_id_of(sealed)]
    sealing.install(KeyRing([NEW]))
    assert sealing.unseal(Purpose.CLIENT_SECRET, again, context="client") == b"s"
    with pytest.raises(Broken, match="key ring"):
        sealing.unseal(Purpose.CLIENT_SECRET, sealed, context="client")


def test_resealing_checks_and_keeps_what_is_current():
    sealed = sealing.seal(Purpose.CLIENT_SECRET, b"s", context="client")
    assert sealing.reseal(Purpose.CLIENT_SECRET, sealed, context="client") == sealed
    with pytest.raises(Broken):
        sealing.reseal(Purpose.CLIENT_SECRET, sealed, context="other")


def test_the_key_id_is_read_from_nothing_but_a_sealed_value():
    for wrong in (b"", b"\x01", b"\x02" + bytes(60)):
        with pytest.raises(Broken):
            sealing.key_id_of(wrong)


def test_without_a_key_nothing_works():
    sealing.install(None)
    with pytest.raises(sealing.NoKeyRing, match="POOLHOUSE_MASTER_KEY"):
        sealing.seal(Purpose.CODE, b"1", context="c")


@pytest.mark.parametrize("keys", [[], [b"short"], [OLD, OLD], [b""], [b"x" * 33]])
def test_a_ring_refuses_unusable_keys(keys):
    with pytest.raises(ValueError, match="master key"):
        KeyRing(keys)


def test_keys_stay_out_of_representations():
    ring = KeyRing([OLD, NEW])
    assert "oooo" not in repr(ring) + repr(ring.current)


# The day in the key

SHORT_LIVED = [
    Purpose.ATTEMPT,
    Purpose.SECRET_BLOCK,
    Purpose.SIGN_UP_SESSION,
    Purpose.PASSKEY_REGISTRATION,
    Purpose.PAGING_TOKEN,
]


@pytest.mark.parametrize("purpose", SHORT_LIVED)
@pytest.mark.parametrize(
    ("made", "opened"),
    [
        ("2025-06-03T23:59:59Z", "2025-06-04T00:00:01Z"),
        ("2025-06-03T00:00:00Z", "2025-06-04T23:59:59Z"),
        ("2025-06-04T00:01:00Z", "2025-06-03T23:58:00Z"),
    ],
)
def test_a_short_lived_token_survives_midnight_and_clock_skew(purpose, made, opened):
    with time_machine.travel(made, tick=False):
        token = sealing.seal_token(purpose, b"t")
    with time_machine.travel(opened, tick=False):
        assert sealing.unseal_token(purpose, token) == b"t"


@pytest.mark.parametrize("purpose", SHORT_LIVED)
@pytest.mark.parametrize(
    ("made", "opened"),
    [
        ("2025-06-03T23:59:59Z", "2025-06-05T00:00:00Z"),
        ("2025-06-04T00:00:00Z", "2025-06-03T23:54:00Z"),
        ("2025-06-05T00:00:00Z", "2025-06-03T23:59:59Z"),
    ],
)
def test_a_short_lived_token_of_another_day_is_refused(purpose, made, opened):
    with time_machine.travel(made, tick=False):
        token = sealing.seal_token(purpose, b"t")
    with time_machine.travel(opened, tick=False), pytest.raises(Broken):
        sealing.unseal_token(purpose, token)


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - set(SHORT_LIVED)))
def test_what_is_kept_opens_years_later(purpose):
    with time_machine.travel("2025-06-03T12:00:00Z", tick=False):
        sealed = sealing.seal(purpose, b"t", context="c")
    with time_machine.travel("2035-06-03T12:00:00Z", tick=False):
        assert sealing.unseal(purpose, sealed, context="c") == b"t"


def test_each_day_has_its_own_key():
    with time_machine.travel("2025-06-03T12:00:00Z", tick=False):
        sealed = bytearray(sealing.seal(Purpose.PASSWORD, b"t", context="c"))
    ciphers = [sealing._cipher(OLD, Purpose.PASSWORD, day) for day in (20242, 20243)]
    header, nonce, body = bytes(sealed[:9]), bytes(sealed[9:21]), bytes(sealed[21:])
    associated = sealing._associated(Purpose.PASSWORD, header, "c")
    assert ciphers[0].decrypt(nonce, body, associated) == b"t"
    with pytest.raises(sealing.InvalidTag):
        ciphers[1].decrypt(nonce, body, associated)


# Tokens


@given(st.binary(max_size=200))
def test_a_token_is_url_safe_and_begins_with_a_letter(plaintext):
    token = sealing.seal_token(Purpose.REFRESH_TOKEN, plaintext)
    assert token[0] == "P"
    assert set(token) <= set(TOKEN_ALPHABET)
    assert sealing.unseal_token(Purpose.REFRESH_TOKEN, token) == plaintext


def malformed(token):
    yield from ("", "P", "PP", "P===", "x", "-", "é", "P\ud800", "P" * 16_384, "P" * 16_385)
    yield token[1:]
    yield "Q" + token[1:]
    yield token[:-1]
    yield token + "="
    yield token + "A"
    yield token + "\n"
    yield " " + token
    yield token[:10] + "\n" + token[10:]
    yield token[:10] + "!" + token[10:]
    yield token[:10] + "\0" + token[10:]
    yield token + "." + token
    yield token.swapcase()


def test_a_malformed_token_is_broken_and_nothing_else():
    token = sealing.seal_token(Purpose.ATTEMPT, b"attempt")
    for wrong in malformed(token):
        with pytest.raises(Broken):
            sealing.unseal_token(Purpose.ATTEMPT, wrong)


@given(st.text(max_size=120))
def test_random_text_is_broken(text):
    for wrong in (text, "P" + text):
        with pytest.raises(Broken):
            sealing.unseal_token(Purpose.ATTEMPT, wrong)


def test_another_spelling_of_the_same_bytes_is_refused():
    for length in (0, 1, 2):
        token = sealing.seal_token(Purpose.ATTEMPT, bytes(length))
        sealed = sealing._token_bytes(token)
        standard = "P" + base64.b64encode(sealed).decode()
        spare = [token[:-1] + letter for letter in TOKEN_ALPHABET if letter != token[-1]]
        for other in {*spare, standard, standard.rstrip("=")} - {token}:
            with pytest.raises(Broken):
                sealing.unseal_token(Purpose.ATTEMPT, other)


def test_a_token_that_could_not_be_read_again_is_not_issued():
    with pytest.raises(ValueError, match="too long"):
        sealing.seal_token(Purpose.ATTEMPT, bytes(13_000))


# Keys as text


def test_a_new_key_reads_back():
    first, second = sealing.new_key_text(), sealing.new_key_text()
    assert first != second
    assert [len(key) for key in sealing.parse_keys(f"{first}, {second}")] == [32, 32]


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("strip", ["", "="])
def test_both_base64_alphabets_are_read(encode, strip):
    key = b"\xff\xef\xbe" * 10 + b"\xff\xef"
    text = encode(key).decode().rstrip(strip)
    assert sealing.parse_keys(f"\n {text}\r\n,{text}\n\n") == [key, key]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n,",
        "geheim!",
        base64.b64encode(bytes(31)).decode(),
        base64.b64encode(OLD).decode()[2:],
        "A" * 41,
        "é" * 43,
        base64.b64encode(OLD).decode() + ";x",
    ],
)
def test_unusable_key_text_is_refused_without_being_quoted(text):
    with pytest.raises(ValueError, match=r"[Mm]aster key") as caught:
        sealing.parse_keys(text)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None


# Keyed hashes


def test_a_keyed_hash_matches_its_own_data_and_purpose_alone():
    stored = sealing.keyed_hash(Purpose.CODE, b"123456")
    assert sealing.keyed_hash_matches(Purpose.CODE, b"123456", stored)
    assert sealing.keyed_hash_matches(Purpose.CODE, b"123456", memoryview(stored))
    assert not sealing.keyed_hash_matches(Purpose.CODE, b"123457", stored)
    assert not sealing.keyed_hash_matches(Purpose.GUESS_BUCKET, b"123456", stored)


def test_no_malformed_hash_matches():
    stored = sealing.keyed_hash(Purpose.CODE, b"123456")
    for wrong in (b"", stored[:4], stored[:-1], stored + b"\0", stored[4:], bytes(36)):
        assert not sealing.keyed_hash_matches(Purpose.CODE, b"123456", wrong)


def test_a_keyed_hash_outlives_a_rotation_until_its_key_goes():
    stored = sealing.keyed_hash(Purpose.CODE, b"1")
    sealing.install(KeyRing([NEW, OLD]))
    assert sealing.keyed_hash_matches(Purpose.CODE, b"1", stored)
    assert sealing.keyed_hash(Purpose.CODE, b"1") != stored
    sealing.install(KeyRing([NEW]))
    assert not sealing.keyed_hash_matches(Purpose.CODE, b"1", stored)


def test_a_stable_hash_is_the_same_while_the_oldest_key_stays():
    before = sealing.stable_hash(Purpose.FAKE, b"nobody")
    sealing.install(KeyRing([NEW, OLD]))
    assert sealing.stable_hash(Purpose.FAKE, b"nobody") == before
    assert sealing.stable_hash(Purpose.GUESS_BUCKET, b"nobody") != before
    assert len(before) == 32
