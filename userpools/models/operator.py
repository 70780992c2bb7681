"""Operators: the people who run the server; they use the console and own access keys."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Operator(AbstractUser):
    """A person of the console, never a pool user: those cannot log in here."""

    # Taken before the comparison, as for pool users (models/lockout.py).
    failed_passwords = models.PositiveIntegerField(default=0, editable=False)
    password_tried_at = models.DateTimeField(null=True, editable=False)

    class Meta(AbstractUser.Meta):
        verbose_name = "operator"
        verbose_name_plural = "operators"
