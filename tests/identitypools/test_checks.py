"""What `check` says of the credential vendor, and what the settings start with."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from identitypools import checks


@pytest.fixture
def said(settings):
    base = settings.POOLHOUSE

    def run(**changes):
        settings.POOLHOUSE = {**base, **changes}
        return [message.id for message in checks.credential_vendor()]

    return run


def test_the_default_is_fine(said):
    assert said() == []
    assert said(CREDENTIAL_VENDOR="sts", STS_ENDPOINT="https://sts.example") == []


@pytest.mark.parametrize(
    ("vendor", "endpoint", "expected"),
    [
        ("sts", "", "identitypools.E001"),
        ("sts", "http://testserver", "identitypools.E002"),
        ("local", "http://TestServer/", "identitypools.E002"),
        ("sts", "ftp://sts.example", "identitypools.E002"),
        ("sts", "https://a@sts.example", "identitypools.E002"),
    ],
)
def test_an_endpoint_that_cannot_be_is_an_error(said, vendor, endpoint, expected):
    assert said(CREDENTIAL_VENDOR=vendor, STS_ENDPOINT=endpoint) == [expected]


@pytest.mark.django_db(transaction=True)
def test_the_tables_go_and_come_back():
    tables = connection.introspection.table_names
    assert "identitypools_identity" in tables()
    try:
        MigrationExecutor(connection).migrate([("identitypools", None)])
        assert "identitypools_identity" not in tables()
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(
            [leaf for leaf in executor.loader.graph.leaf_nodes() if leaf[0] == "identitypools"]
        )
    assert "identitypools_identity" in tables()
