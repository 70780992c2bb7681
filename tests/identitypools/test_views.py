"""The issuer that identity pools are: a stranger verifies a token with what is published."""

import base64
from datetime import timedelta

import jwt
import pytest
import time_machine
from cryptography import x509
from django.test import Client
from django.utils import timezone

from identitypools import keys, tokens
from identitypools.models import IssuerKey
from tests.identitypools.conftest import ACTOR
from userpools import sweep
from userpools.errors import NotAuthorizedException
from userpools.services import rekey

DISCOVERY = "/identity/.well-known/openid-configuration"


def test_a_stranger_verifies_a_token_with_the_published_keys(developer):
    document = Client().get(DISCOVERY).json()
    assert document["issuer"] == "http://testserver/identity"
    path = document["jwks_uri"].removeprefix("http://testserver")
    published = jwt.PyJWKSet.from_dict(Client().get(path).json())
    token = developer("zoe")["Token"]
    key = published[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token,
        key.key,
        algorithms=document["id_token_signing_alg_values_supported"],
        issuer=document["issuer"],
        options={"verify_aud": False},
    )
    assert claims["sub"]


def test_certificates_are_published_on_request(developer, settings):
    path = "/identity/.well-known/jwks_uri"
    developer("zoe")
    assert "x5c" not in Client().get(path).json()["keys"][0]
    settings.POOLHOUSE = {**settings.POOLHOUSE, "ISSUER_CERTIFICATES": True}
    (published,) = Client().get(path).json()["keys"]
    certificate = x509.load_der_x509_certificate(base64.b64decode(published["x5c"][0]))
    key = jwt.PyJWK(published).key
    assert certificate.public_key().public_numbers() == key.public_numbers()


@pytest.mark.django_db
@pytest.mark.parametrize("path", [DISCOVERY, "/identity/.well-known/jwks_uri"])
def test_nothing_but_reading_is_answered(path):
    assert Client().post(path).status_code == 405


def test_a_rotated_key_signs_no_more_and_stays_published(developer):
    old = developer("zoe")
    keys.rotate("us-east-1", actor=ACTOR)
    new = developer("zoe")
    kids = [jwt.get_unverified_header(each["Token"])["kid"] for each in (old, new)]
    assert kids == ["us-east-11", "us-east-12"]
    assert set(keys.issuer_keys().public) == set(kids)
    # What was signed before the rotation is still worth something.
    assert tokens.verify(old["Token"])[1] == old["IdentityId"]


def test_a_retired_key_is_published_no_more_and_swept(developer):
    old = developer("zoe")["Token"]
    keys.rotate("us-east-1", actor=ACTOR)
    with time_machine.travel(timezone.now() + keys.OVERLAP + timedelta(minutes=1)):
        keys._kept.clear()
        assert set(keys.issuer_keys().public) == {"us-east-12"}
        with pytest.raises(NotAuthorizedException):
            tokens.verify(old)
        assert sweep.sweep()["issuer_keys"] == 1
    assert IssuerKey.objects.get().kid == "us-east-12"


def test_private_keys_are_sealed_and_reach_a_new_master_key(developer):
    developer("zoe")
    row = IssuerKey.objects.get()
    assert b"PRIVATE" not in bytes(row.private_sealed)
    assert IssuerKey in {column.model for column in rekey.COLUMNS}
