"""Customers' functions, what became of their runs, and the events that wait for a worker."""

import secrets
import uuid
from functools import cached_property
from typing import TYPE_CHECKING

import orjson
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from userpools import sealing
from userpools.conf import settings
from userpools.models import UserPool
from userpools.models.cache import VersionedCache
from userpools.sealing import Purpose

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

# Of a call within a sign-in. Source: developer guide, "Lambda trigger considerations".
SECONDS_PER_CALL = 5.0
# Of a call whose caller does not wait.
SECONDS_PER_EVENT = 60.0
LONGEST_ARN = 131
VERSION_BITS = 62
NAME = r"\A[a-zA-Z0-9_-]{1,64}\Z"


def new_version() -> int:
    """Make a number that no earlier state of a function bore."""
    return secrets.randbits(VERSION_BITS)


class Function(models.Model):
    """A customer's function, found by its ARN in a pool's LambdaConfig.

    What `target` holds depends on the runner: a handler file, a URL, an endpoint of AWS Lambda's
    API (empty: the server's), or a dotted path. `handler` is the name within a handler file.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    arn = models.CharField("ARN", max_length=LONGEST_ARN, unique=True)
    name = models.CharField(
        max_length=64,
        validators=[RegexValidator(NAME, "Letters, digits, hyphens and underscores.")],
    )
    runner = models.CharField(max_length=16)
    target = models.CharField(max_length=2048, blank=True)
    handler = models.CharField(max_length=128, default="handler")
    secret_sealed = models.BinaryField(null=True, editable=False)
    environment_sealed = models.BinaryField(null=True, editable=False)
    timeout = models.FloatField(
        default=SECONDS_PER_CALL,
        validators=[MinValueValidator(0.1), MaxValueValidator(SECONDS_PER_EVENT)],
    )
    memory_mb = models.PositiveIntegerField(
        default=256, validators=[MinValueValidator(128), MaxValueValidator(4096)]
    )
    may_use_network = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    is_async = models.BooleanField(default=False)
    pools = models.ManyToManyField(UserPool, related_name="functions", blank=True)
    version = models.PositiveBigIntegerField(default=new_version, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    modified_at = models.DateTimeField(default=timezone.now, editable=False)

    if TYPE_CHECKING:
        invocations: RelatedManager["Invocation"]

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def secret_context(self) -> str:
        """What binds the sealed secret to this row."""
        return f"{self.pk}:secret"

    @property
    def environment_context(self) -> str:
        """What binds the sealed environment to this row."""
        return f"{self.pk}:environment"

    @cached_property
    def secret(self) -> str:
        """The secret that signs webhooks, in clear; empty without one."""
        if self.secret_sealed is None:
            return ""
        return sealing.unseal(
            Purpose.FUNCTION_SECRET, self.secret_sealed, context=self.secret_context
        ).decode()

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment variables of a handler file, in clear."""
        if self.environment_sealed is None:
            return {}
        sealed = sealing.unseal(
            Purpose.FUNCTION_SECRET, self.environment_sealed, context=self.environment_context
        )
        variables: dict[str, str] = orjson.loads(sealed)
        return variables

    def put_secret(self, secret: str) -> None:
        """Seal a secret into the row, unsaved."""
        self.secret_sealed = sealing.seal(
            Purpose.FUNCTION_SECRET, secret.encode(), context=self.secret_context
        )
        self.__dict__.pop("secret", None)

    def put_environment(self, variables: dict[str, str]) -> None:
        """Seal environment variables into the row, unsaved."""
        self.environment_sealed = sealing.seal(
            Purpose.FUNCTION_SECRET, orjson.dumps(variables), context=self.environment_context
        )
        self.__dict__.pop("environment", None)

    @cached_property
    def pool_ids(self) -> frozenset[str]:
        """The pools that may use it, as they were when this was first asked."""
        return frozenset(self.pools.order_by().values_list("pk", flat=True))


def _load(arn: str) -> tuple[Function, object] | None:
    function = Function.objects.filter(arn=arn).first()
    if function is None:
        return None
    _ = function.pool_ids  # read with the row, so that the two belong together
    return function, function.version


def _version(arn: str) -> object | None:
    return Function.objects.filter(arn=arn).values_list("version", flat=True).first()


functions: VersionedCache[Function] = VersionedCache(_load, _version)


def function_arn(name: str, region: str = "") -> str:
    """Compose the ARN that functions of this server have unless they are given another."""
    place = region or settings.DEFAULT_REGION
    return f"arn:aws:lambda:{place}:{settings.ACCOUNT_ID}:function:{name}"


class Outcome(models.TextChoices):
    """What became of a run."""

    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Raised an error"
    TIMED_OUT = "timed_out", "Timed out"
    UNAVAILABLE = "unavailable", "Could not be run"
    UNUSABLE = "unusable", "Unusable answer"


class Invocation(models.Model):
    """One run, with its request and response; what is secret in them is redacted when written.

    It names pool and function without constraints, as it outlives both.
    """

    function = models.ForeignKey(
        Function,
        on_delete=models.SET_NULL,
        null=True,
        related_name="invocations",
        db_constraint=False,
        db_index=False,
    )
    arn = models.CharField(max_length=LONGEST_ARN)
    pool_id = models.CharField(max_length=55)
    client_id = models.CharField(max_length=128, blank=True, default="")
    username = models.CharField(max_length=128, blank=True, default="")
    trigger_source = models.CharField(max_length=64)
    started_at = models.DateTimeField(default=timezone.now)
    duration_ms = models.FloatField()
    tries = models.PositiveSmallIntegerField(default=1)
    outcome = models.CharField(max_length=16, choices=Outcome)
    error = models.CharField(max_length=1024, blank=True, default="")
    log = models.TextField(blank=True, default="")
    request = models.JSONField(default=dict)
    response = models.JSONField(null=True)

    class Meta:
        ordering = ["-started_at"]
        indexes = [
            models.Index(fields=["function", "-started_at"], name="invocation_of_function"),
            models.Index(fields=["started_at"], name="invocation_age"),
        ]

    def __str__(self) -> str:
        return f"{self.trigger_source} {self.outcome}"


class EventState(models.TextChoices):
    """Where a queued event stands."""

    DUE = "due", "Due"
    DONE = "done", "Done"
    DEAD = "dead", "Given up"


class QueuedEvent(models.Model):
    """An event whose caller does not wait. Its content is sealed, and purged once it was run."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pool = models.ForeignKey(
        UserPool, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    arn = models.CharField(max_length=LONGEST_ARN)
    trigger_source = models.CharField(max_length=64)
    sealed = models.BinaryField(null=True, editable=False)
    state = models.CharField(max_length=8, choices=EventState, default=EventState.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["due_at"], name="event_due", condition=models.Q(state=EventState.DUE)
            ),
            models.Index(fields=["created_at"], name="queued_event_age"),
        ]

    def __str__(self) -> str:
        return f"{self.trigger_source} ({self.state})"
