"""A pool and a user to write to, as rows."""

import pytest

from userpools.models import PoolUser, UserPool


@pytest.fixture
def make_pool(db):
    def make(**columns):
        return UserPool.objects.create(
            id="eu-west-1_Messages1", name="messages", region="eu-west-1", **columns
        )

    return make


@pytest.fixture
def reader(make_pool):
    """A user of a pool without settings of its own."""
    return PoolUser.objects.create(
        pool=make_pool(),
        username="jane",
        username_key="jane",
        attributes={"email": "jane@example.com", "phone_number": "+15550001234"},
    )


@pytest.fixture
def outbox_folder(settings):
    return settings.POOLHOUSE["OUTBOX_DIR"]
