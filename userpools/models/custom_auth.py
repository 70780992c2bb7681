"""Custom sign-ins under way: what their Session has no room for."""

import uuid

from django.db import models

from .statements import Insert, Select


class CustomAuthStep(models.Model):
    """One step of a CUSTOM_AUTH sign-in, named by its Session: history and private parameters.

    Nothing bounds their size. The row is deleted by whoever goes on from it, so that a step is
    answered once, and swept when nobody did.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    sealed = models.BinaryField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="custom_auth_step_expiry")]

    def __str__(self) -> str:
        return str(self.id)


step_by_id = Select(CustomAuthStep.objects.all, "id")
insert_step = Insert(CustomAuthStep)
