# ruff: noqa: N803, N806 - the letters are those of the specification
import base64
import hashlib
import itertools
import random
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.userpools.auth.srp_client import SrpClient, padded
from userpools.auth import srp

a = int(hashlib.sha512(b"client-a").hexdigest() * 2, 16)
b = int(hashlib.sha512(b"server-b").hexdigest() * 2, 16)
SECRET_BLOCK = b"secret-block-bytes"
TIMESTAMP = "Tue Jun 3 09:05:07 UTC 2025"

# Computed once by an independent implementation of the clients' rules.
USER = SimpleNamespace(
    pool_name="TestPool1",
    user_id="testuser",
    password="P@ssw0rd!",
    salt="c0ffee00112233445566778899aabbcc",
    x="83bda674bc9f0e9f12e68884ad25a0ac1a5a82a42546fa96f2d6aec109b5b527",
    v="fd8dbdd86e586796af02beb02d735828",
    v_sha="1d5afb9a7a329a8969d5464d2cd9fa264d518defb1a1de6748b9de721a28ae59",
    B="969f93c87149e8772d5107f7e7a98a23",
    u="57d8e7f5ac584d52ba4034ef589d2231cfde6dd0f5429fe74d72a5cdc2be9020",
    key="feef24c56e49a6c2fe7a399c9548198a",
    signature="QfnNfexyAmBMFaxoDjd0eG44dL+DhB9hCKKMLmmXCL0=",
)
DEVICE = SimpleNamespace(
    pool_name="-deviceGroupKeyX",
    user_id="us-east-1_11111111-2222-3333-4444-555555555555",
    password="device-random-secret",
    salt="0badcafe0badcafe0badcafe0badcafe",
    x="a4d16dfe11b4b6b567401dd8d66579fa77252a233b6b061675393ccc48c39bc8",
    v="73de9e501d38c3075e0e4f3db96419f6",
    v_sha="59c174e7bf7c031135c64374e90a37b5fcc825f5cf27bd53192fbda21eb01015",
    B="4bdbd3bf9c6e257a144a479bc9395188",
    u="b1b0d43488a8e0e9272e0c3fd320e91863676a31b586c0c78b0cbbc56695921a",
    key="60e261263bcb101ddf4cec6839946afe",
    signature="NYJTljEQs/BH1RHS9DpcWfMnJlXyrqWiduSnFv1tsfk=",
)


def sha256_of_hex(number):
    return hashlib.sha256(f"{number:x}".encode()).hexdigest()


def verifier_of(vector):
    return srp.verifier(vector.pool_name, vector.user_id, vector.password, vector.salt)


def client_of(vector):
    return SrpClient(vector.pool_name, vector.user_id, vector.password, a)


def test_the_constants_are_those_of_the_clients():
    assert hashlib.sha256(srp.N_HEX.encode()).hexdigest() == (
        "30a45e27c3a0a6f934cd558e88e937625082b19bd435f74f04d7500e5032d88e"
    )
    assert f"{srp.K:x}" == "538282c4354742d7cbbde2359fcf67f9f5b3a6b08791e5011b43b8a5b66d9ee6"


def test_powers_of_secrets_take_constant_time_here():
    assert srp.HAS_CONSTANT_TIME


@pytest.mark.parametrize("vector", [USER, DEVICE], ids=["user", "device"])
def test_the_published_vector(vector):
    x = srp.private_key(vector.pool_name, vector.user_id, vector.password, vector.salt)
    assert f"{x:064x}" == vector.x
    v = verifier_of(vector)
    assert f"{v:x}".startswith(vector.v)
    assert sha256_of_hex(v) == vector.v_sha
    A = client_of(vector).A
    assert sha256_of_hex(A) == "762138a8a3a12aafd9e6db263f72d40a6c7b8c1e8bf06023f5ba4bce24370507"
    assert srp.server_start(v, b)[0] == b
    B = srp.server_start(v, b)[1]
    assert f"{B:x}".startswith(vector.B)
    assert f"{srp.scramble(A, B):064x}" == vector.u
    key = srp.server_session_key(A, B, b, v)
    assert key.hex() == vector.key
    signature = srp.claim_signature(key, vector.pool_name, vector.user_id, SECRET_BLOCK, TIMESTAMP)
    assert base64.b64encode(signature).decode() == vector.signature


def test_the_users_vector_in_its_inner_values():
    v = verifier_of(USER)
    B = srp.server_start(v, b)[1]
    assert len(f"{v:x}") == 768
    assert len(f"{B:x}") == 767
    assert sha256_of_hex(B) == "f989982d44e35703f6a341b9ff1d7ba3a913cade950e068ab7f8b86239889694"
    _, u, S, prk, key = client_of(USER).session(B, USER.salt)
    assert f"{S:x}".startswith("f9de438a5ddfec858199b988889b3905")
    assert sha256_of_hex(S) == "2e84d8b6694577edc4890b98cff25e7ea5a69b41433d07ad195215edc0b3fe6b"
    assert prk.hex() == "2bb619dc86a502dfaaafe3e7169ab31f2c04718318e8a3efcccdb83bb01421e7"
    assert srp.derive_key(S, u) == key == bytes.fromhex(USER.key)


def test_the_devices_salt_travels_padded():
    salt = base64.b64encode(srp.pad(int(DEVICE.salt, 16)))
    assert salt == b"C63K/gutyv4Lrcr+C63K/g=="


@given(st.integers(min_value=0, max_value=2**3073))
def test_padding_is_the_clients_rule(number):
    assert srp.pad(number) == padded(number)
    assert srp.pad_hex(number) == padded(number).hex()


@pytest.mark.parametrize("number", [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, srp.N])
def test_padding_at_its_edges(number):
    assert srp.pad(number) == padded(number)


class Sides:
    """One sign-in from a seed, seen from both sides."""

    def __init__(self, seed):
        numbers = random.Random(seed)
        self.salt = f"{numbers.getrandbits(128):x}"
        self.client = SrpClient("Pool", f"user{seed}", "pässword", numbers.getrandbits(256))
        self.v = srp.verifier("Pool", f"user{seed}", "pässword", self.salt)
        self.b, self.B = srp.server_start(self.v, numbers.getrandbits(256))
        self.x, self.u, self.S, _, self.key = self.client.session(self.B, self.salt)

    def agree(self):
        return srp.server_session_key(self.client.A, self.B, self.b, self.v) == self.key


def awkward_shapes(sides):
    """Name the values whose hex is odd or begins with a high nibble."""
    values = {"salt": int(sides.salt, 16), "x": sides.x, "A": sides.client.A}
    values |= {"B": sides.B, "u": sides.u, "S": sides.S}
    for name, value in values.items():
        digits = f"{value:x}"
        yield name, "odd" if len(digits) % 2 else "high" if digits[0] in "89abcdef" else "plain"


def test_both_sides_agree_whatever_the_padding():
    names, shapes = ("salt", "x", "A", "B", "u", "S"), ("odd", "high", "plain")
    missing = set(itertools.product(names, shapes))
    for seed in itertools.count():
        sides = Sides(seed)
        found = missing & set(awkward_shapes(sides))
        if found:
            assert sides.agree(), found
        missing -= found
        if not missing:
            break


def test_a_random_run_uses_256_random_bits_each_time():
    v = verifier_of(USER)
    starts = [srp.server_start(v) for _ in range(4)]
    assert len(set(starts)) == 4
    for secret, public in starts:
        assert 0 < secret < 2**256
        key = srp.server_session_key(client_of(USER).A, public, secret, v)
        assert key == client_of(USER).session(public, USER.salt)[-1]


def test_a_wrong_password_gives_another_key():
    wrong = SrpClient(USER.pool_name, USER.user_id, "P@ssw0rd?", a)
    v = verifier_of(USER)
    secret, public = srp.server_start(v)
    key = srp.server_session_key(wrong.A, public, secret, v)
    assert key != wrong.session(public, USER.salt)[-1]


@pytest.mark.parametrize("A", [0, srp.N, 2 * srp.N, srp.N + 1, 2**3072, -1, -srp.N])
def test_a_public_value_that_would_fix_the_key_is_refused(A):
    v = verifier_of(USER)
    assert srp.server_session_key(A, srp.server_start(v, b)[1], b, v) is None


def test_a_zero_scramble_is_refused(monkeypatch):
    monkeypatch.setattr(srp, "scramble", lambda *_: 0)
    assert srp.server_session_key(2, 3, b, 5) is None


def test_pycognito_comes_to_the_same_signature():
    aws_srp = pytest.importorskip("pycognito.aws_srp")
    name = "us-east-1_" + USER.pool_name
    client = aws_srp.AWSSRP(USER.user_id, USER.password, name, "client", client=object())
    for _ in range(8):
        salt = srp.new_salt()
        v = srp.verifier(USER.pool_name, USER.user_id, USER.password, salt)
        secret, public = srp.server_start(v)
        answer = client.process_challenge(
            {
                "USER_ID_FOR_SRP": USER.user_id,
                "USERNAME": USER.user_id,
                "SALT": salt,
                "SRP_B": f"{public:x}",
                "SECRET_BLOCK": base64.b64encode(SECRET_BLOCK).decode(),
            },
            {"USERNAME": USER.user_id},
        )
        A = srp.parse_public(f"{client.large_a_value:x}")
        signature = srp.claim_signature(
            srp.server_session_key(A, public, secret, v),
            USER.pool_name,
            USER.user_id,
            SECRET_BLOCK,
            answer["TIMESTAMP"],
        )
        assert base64.b64encode(signature).decode() == answer["PASSWORD_CLAIM_SIGNATURE"]
        srp.parse_timestamp(answer["TIMESTAMP"])
        client = aws_srp.AWSSRP(USER.user_id, USER.password, name, "client", client=object())


def test_pycognitos_device_verifier_reads_back():
    aws_srp = pytest.importorskip("pycognito.aws_srp")
    for _ in range(6):
        secret, config = aws_srp.generate_hash_device("-group", "us-east-1_key")
        salt = base64.b64decode(config["Salt"]).hex()
        v = srp.verifier_from_bytes(base64.b64decode(config["PasswordVerifier"]))
        assert v == srp.verifier("-group", "us-east-1_key", secret, salt)


# Passwords and verifiers


def test_a_password_is_checked_against_its_verifier():
    v, who = verifier_of(USER), (USER.pool_name, USER.user_id)
    assert srp.password_matches(v, *who, USER.password, USER.salt)
    assert not srp.password_matches(v, *who, USER.password + " ", USER.salt)
    assert not srp.password_matches(v, USER.pool_name, "Testuser", USER.password, USER.salt)
    assert not srp.password_matches(v, *who, USER.password, "00" + USER.salt[2:])


def test_leading_zeros_of_a_salt_do_not_count():
    one = srp.verifier("P", "u", "p", "00" * 8 + "ab" * 8)
    assert one == srp.verifier("P", "u", "p", "ab" * 8)


def test_a_salt_never_begins_with_zeros_that_clients_read_differently():
    assert srp.salt_of(bytes(16)) == "80" + "00" * 15
    assert srp.salt_of(b"\x00\x12" + bytes(14)) == "8012" + "00" * 14


def test_a_salt_is_sixteen_random_bytes():
    salts = {srp.new_salt() for _ in range(20)}
    assert len(salts) == 20
    assert {len(bytes.fromhex(salt)) for salt in salts} == {16}


def test_a_stored_verifier_has_one_length():
    for value in (2, srp.N - 1, verifier_of(USER)):
        assert len(srp.verifier_to_bytes(value)) == 384
        assert srp.verifier_from_bytes(srp.verifier_to_bytes(value)) == value
        assert srp.verifier_from_bytes(srp.pad(value)) == value


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\1", srp.pad(srp.N), b"\xff" * 384, b"\0" * 2 + b"\1" * 384]
)
def test_what_is_no_verifier_is_refused(data):
    with pytest.raises(ValueError, match="verifier"):
        srp.verifier_from_bytes(data)


# Wire forms


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("0A", 10),
        ("abc", 0xABC),
        ("ABC", 0xABC),
        ("0", 0),
        ("00" + "f" * 768, 2**3072 - 1),
    ],
)
def test_a_public_value_is_read_with_or_without_padding(text, number):
    assert srp.parse_public(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0x1f",
        "1_0",
        "+1",
        "-1",
        "1 ",
        "1\n",
        "g",
        "\uff11",
        "1\0",
        "\u0661",
        "\ud800",
        "f" * 769,
        "0" * 771,
        "1" + "0" * 768,
    ],
)
def test_what_is_no_public_value_is_refused(text):
    with pytest.raises(ValueError, match="public value"):
        srp.parse_public(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (TIMESTAMP, datetime(2025, 6, 3, 9, 5, 7, tzinfo=UTC)),
        ("Tue Jun 03 09:05:07 UTC 2025", datetime(2025, 6, 3, 9, 5, 7, tzinfo=UTC)),
        ("Wed Dec 31 23:59:59 UTC 2025", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Thu Feb 29 00:00:00 UTC 2024", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_read(text, moment):
    assert srp.parse_timestamp(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Tue Jun 3 9:05:07 UTC 2025",
        "Tue Jun  3 09:05:07 UTC 2025",
        "Tue Jun 3 09:05:07 GMT 2025",
        "Tue Jun 3 09:05:07 UTC 25",
        "Tue Jun 31 09:05:07 UTC 2025",
        "Sat Feb 29 00:00:00 UTC 2025",
        "Tue Jun 0 09:05:07 UTC 2025",
        "Tue Jun 3 24:05:07 UTC 2025",
        "Tue Jun 3 09:05:60 UTC 2025",
        "Tue Jun 3 09:05:07 UTC 0000",
        "Die Jun 3 09:05:07 UTC 2025",
        "tue jun 3 09:05:07 utc 2025",
        "Tue Jun 3 09:05:07 UTC 2025\n",
        " Tue Jun 3 09:05:07 UTC 2025",
        "Tue Jun ٣ 09:05:07 UTC 2025",
        "2025-06-03T09:05:07Z",
    ],
)
def test_what_is_no_timestamp_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        srp.parse_timestamp(text)
