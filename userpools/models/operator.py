"""Operators: the people who run the server; they use the console and own access keys."""

from django.contrib.auth.models import AbstractUser


class Operator(AbstractUser):
    """A person of the console. Never a pool user: those live in `PoolUser` and cannot log in here."""

    class Meta(AbstractUser.Meta):
        verbose_name = "operator"
