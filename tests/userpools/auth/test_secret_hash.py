import pytest

from userpools.auth.secret_hash import check_secret_hash, secret_hash
from userpools.errors import NotAuthorizedException


def test_the_published_example_is_met():
    digest = secret_hash("s3cr3t", "testuser", "1example23456789")
    assert digest == "9SaBcnb4eeTVQiP98HU9jHvjQcxPsWetLqH7cFv2Yfo="


class Client:
    client_id = "1example23456789"

    def __init__(self, *secrets):
        self.secret_values = secrets
        self.has_secret = bool(secrets)


RIGHT = "9SaBcnb4eeTVQiP98HU9jHvjQcxPsWetLqH7cFv2Yfo="


def test_a_missing_hash_is_told_apart():
    with pytest.raises(NotAuthorizedException, match="SECRET_HASH was not received"):
        check_secret_hash(Client("s3cr3t"), "testuser", "")


@pytest.mark.parametrize("given", [RIGHT[:-1], RIGHT.lower(), "x", "Ü", RIGHT + "="])
def test_a_wrong_hash_is_refused(given):
    with pytest.raises(NotAuthorizedException, match="Unable to verify secret hash for client 1ex"):
        check_secret_hash(Client("s3cr3t"), "testuser", given)


def test_a_hash_for_a_public_client_is_refused():
    with pytest.raises(NotAuthorizedException, match="Unable to verify secret hash"):
        check_secret_hash(Client(), "testuser", RIGHT)


def test_either_of_two_live_secrets_will_do():
    check_secret_hash(Client("other", "s3cr3t"), "testuser", RIGHT)
    check_secret_hash(Client("s3cr3t", "other"), "testuser", RIGHT)
