"""Devices that users have confirmed, each with a secret of its own that the client keeps."""

from django.db import models
from django.utils import timezone

from .statements import Select, Update
from .user import PoolUser


class Device(models.Model):
    """A device of a pool user: its key, and the sealed SRP verifier of its secret.

    A row is made when the device is confirmed; a key that was issued and never confirmed is on the
    sign-in session alone. `sealed` is null for a device without a secret: it is known, and never
    proves itself. It may stand in for a second factor while `remembered`, and once it took part in
    a sign-in that passed one (`passed_factor`): one from before the user had any does not.
    """

    user = models.ForeignKey(
        PoolUser, on_delete=models.CASCADE, related_name="devices", db_index=False
    )
    key = models.CharField(max_length=55)
    group_key = models.CharField(max_length=16)
    name = models.TextField(blank=True, default="")
    # In hexadecimal digits, as many as the client sent.
    salt = models.CharField(max_length=128, blank=True, default="")
    sealed = models.BinaryField(null=True)
    remembered = models.BooleanField(default=False)
    passed_factor = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    modified_at = models.DateTimeField(default=timezone.now)
    last_authenticated_at = models.DateTimeField(default=timezone.now)
    last_address = models.CharField(max_length=64, blank=True, default="")
    # The Session that DEVICE_SRP_AUTH last went out with: some clients answer without it.
    asked_session = models.TextField(blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="device_of_user")]

    def __str__(self) -> str:
        return self.name or self.key

    @property
    def sealing_context(self) -> str:
        """What binds the sealed verifier to the user and the key."""
        return f"{self.user.sealing_context}:{self.key}"


device_of_user = Select(Device.objects.all, "user_id", "key")
ask_device = Update(Device.objects.all, where=("id",), columns=("asked_session", "last_address"))
USED = ("last_authenticated_at", "last_address", "passed_factor")
use_device = Update(Device.objects.all, where=("id",), columns=USED, fixed={"asked_session": ""})
# The same for a device that stood in for a second factor: as long as it is remembered.
use_remembered_device = Update(
    lambda: Device.objects.filter(remembered=True),
    where=("id",),
    columns=USED,
    fixed={"asked_session": ""},
)
