from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import authenticate
from django.utils import timezone

from userpools.models import Operator

pytestmark = pytest.mark.django_db
PASSWORD = "operator-password-1"


def test_the_right_password_signs_in_and_clears_the_count(operator):
    assert authenticate(username="root", password="wrong") is None
    assert Operator.objects.get().failed_passwords == 1
    assert authenticate(username="root", password=PASSWORD) == operator
    assert Operator.objects.get().failed_passwords == 0


def test_after_five_failures_the_right_password_has_to_wait(operator):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(5):
            assert authenticate(username="root", password="wrong") is None
        assert authenticate(username="root", password=PASSWORD) is None
        clock.shift(timedelta(seconds=1))
        assert authenticate(username="root", password=PASSWORD) == operator


@pytest.mark.parametrize("name", ["nobody", "", "ro\x00ot", "x" * 5000])
def test_names_that_nobody_has_are_refused(operator, name):
    assert authenticate(username=name, password=PASSWORD) is None


def test_an_inactive_operator_is_refused(operator):
    Operator.objects.update(is_active=False)
    assert authenticate(username="root", password=PASSWORD) is None
