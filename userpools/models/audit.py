"""Each administrative act: who did what to which resource, with its state before and after."""

from django.db import models
from django.utils import timezone


class AuditEntry(models.Model):
    """One act. Secrets are redacted before the row is written; rows are never changed."""

    created_at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=256)
    source = models.CharField(max_length=16)
    action = models.CharField(max_length=64)
    pool_id = models.CharField(max_length=55, blank=True, default="")
    resource = models.CharField(max_length=512, blank=True, default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    request_id = models.CharField(max_length=64, blank=True, default="")
    client_address = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["pool_id", "-created_at"], name="audit_of_pool"),
            models.Index(fields=["created_at"], name="audit_age"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.resource}"
