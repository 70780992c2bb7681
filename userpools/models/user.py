"""Pool users and the names they sign in with. They are not operators and never see the console."""

import uuid
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone

from userpools import ids

from .pool import UserPool
from .search_keys import NameField, SearchKeyField
from .statements import Insert, Select, Update

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

    from .device import Device
    from .group import Membership
    from .passkey import Passkey
    from .sign_in_session import SignInSession
    from .software_token import SoftwareToken

SEARCHABLE = ("email", "phone_number", "name", "given_name", "family_name", "preferred_username")
# The column that holds the search key of each.
SEARCH_KEYS = {name: f"{name}_key" for name in SEARCHABLE}


class UserStatus(models.TextChoices):
    """UserStatusType of the service model, as far as it is in use."""

    UNCONFIRMED = "UNCONFIRMED", "Unconfirmed"
    CONFIRMED = "CONFIRMED", "Confirmed"
    FORCE_CHANGE_PASSWORD = "FORCE_CHANGE_PASSWORD", "Must change password"
    RESET_REQUIRED = "RESET_REQUIRED", "Reset required"
    EXTERNAL_PROVIDER = "EXTERNAL_PROVIDER", "External provider"


class PoolUserQuerySet(models.QuerySet["PoolUser"]):
    """Queries for users; each starts from a pool."""

    def named(self, pool: UserPool, name: str) -> "PoolUserQuerySet":
        """Users whose canonical username is `name` in this pool (one at most)."""
        return self.filter(
            pool_id=pool.pk,
            username_key=ids.canonical_key(name, case_sensitive=pool.case_sensitive),
        )


class PoolUser(models.Model):  # type: ignore[django-manager-missing]
    """A person in one pool. `attributes` holds strings by name, `sub` and `identities` left out.

    Attribute writes lock the row first: the JSON column is never changed unlocked.
    """

    # Without an index of its own, here as below: a constraint's begins with it.
    pool = models.ForeignKey(
        UserPool, on_delete=models.CASCADE, related_name="users", db_index=False
    )
    sub = models.UUIDField(default=uuid.uuid4, editable=False)
    username = NameField(max_length=128, editable=False)
    username_key = NameField(max_length=512, editable=False)
    status = models.CharField(
        max_length=32, choices=UserStatus, default=UserStatus.UNCONFIRMED, editable=False
    )
    enabled = models.BooleanField(default=True, editable=False)
    attributes = models.JSONField(default=dict, blank=True)
    email_key = SearchKeyField("email")
    phone_number_key = SearchKeyField("phone_number")
    name_key = SearchKeyField("name")
    given_name_key = SearchKeyField("given_name")
    family_name_key = SearchKeyField("family_name")
    preferred_username_key = SearchKeyField("preferred_username")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    modified_at = models.DateTimeField(default=timezone.now, editable=False)

    # The password: its form, and what was derived from it. `password_pool_name` is the name of
    # the pool that the verifier was computed with.
    password_form = models.CharField(max_length=16, blank=True, default="", editable=False)
    password_salt = models.CharField(max_length=64, blank=True, default="", editable=False)
    password_pool_name = models.CharField(max_length=55, blank=True, default="", editable=False)
    password_sealed = models.BinaryField(null=True, editable=False)
    password_set_at = models.DateTimeField(null=True, editable=False)

    # Grows when everything issued so far must die: sign-out everywhere, disable, password reset.
    epoch = models.PositiveIntegerField(default=0, editable=False)

    # Taken before a comparison, so that parallel guesses share no attempt (models/lockout.py).
    failed_passwords = models.PositiveIntegerField(default=0, editable=False)
    password_tried_at = models.DateTimeField(null=True, editable=False)
    failed_codes = models.PositiveIntegerField(default=0, editable=False)
    code_tried_at = models.DateTimeField(null=True, editable=False)

    # Second factors: the names of those that are on, parted by spaces; the preferred one; the name
    # of the authenticator app, null without a verified one; the newest step of its codes that was
    # accepted. The database has the defaults too, for servers of the version before.
    mfa_methods = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    mfa_preferred = models.CharField(
        max_length=24, blank=True, default="", db_default="", editable=False
    )
    software_token_name = models.TextField(null=True, editable=False)  # noqa: DJ001 - '' is a name
    software_token_step = models.BigIntegerField(default=-1, db_default=-1, editable=False)
    # Whether the user wants passkeys to ask for a fingerprint, face or PIN, whatever the pool says.
    passkey_mfa = models.BooleanField(default=False, db_default=False, editable=False)

    group_count = models.PositiveSmallIntegerField(default=0, editable=False)

    objects = PoolUserQuerySet.as_manager()

    if TYPE_CHECKING:
        memberships: RelatedManager[Membership]
        sessions: RelatedManager[SignInSession]
        aliases: RelatedManager["UserAlias"]
        software_token: SoftwareToken
        devices: RelatedManager[Device]
        passkeys: RelatedManager[Passkey]

    class Meta:
        verbose_name = "user"
        ordering = ["username_key"]
        constraints = [
            models.UniqueConstraint(fields=["pool", "username_key"], name="user_name_in_pool"),
            models.UniqueConstraint(fields=["pool", "sub"], name="user_sub_in_pool"),
        ]
        # Each is in the order of a search (operations/user_filter.py), so that a page of it is one
        # walk along an index. Without a value there is no entry: most users have few attributes.
        indexes = [
            models.Index(fields=["pool", "username"], name="user_username"),
            models.Index(fields=["pool", "status", "username_key"], name="user_status"),
            models.Index(
                fields=["pool", "username_key"],
                name="user_disabled",
                condition=models.Q(enabled=False),
            ),
            *(
                models.Index(
                    fields=["pool", column, "id"],
                    name=f"user_{column}",
                    condition=models.Q(**{f"{column}__isnull": False}),
                )
                for column in SEARCH_KEYS.values()
            ),
        ]

    def __str__(self) -> str:
        return self.username

    def save(self, **options: Any) -> None:
        """Write the search keys along with the attributes that they are made from."""
        fields = options.get("update_fields")
        if fields is not None and "attributes" in fields:
            options["update_fields"] = {*fields, *SEARCH_KEYS.values()}
        super().save(**options)

    @property
    def has_password(self) -> bool:
        """Whether a password is set, temporary or not."""
        return bool(self.password_form)

    @property
    def sealing_context(self) -> str:
        """What binds the sealed password to this row."""
        return f"{self.pool_id}:{self.sub}"

    def attribute(self, name: str) -> Any:
        """Return an attribute's value, `sub` included; None when absent."""
        return str(self.sub) if name == "sub" else self.attributes.get(name)


user_by_name = Select(PoolUser.objects.all, "pool_id", "username_key")
user_by_sub = Select(PoolUser.objects.all, "pool_id", "sub")
insert_user = Insert(PoolUser)
confirm_user = Update(
    lambda: PoolUser.objects.filter(status=UserStatus.UNCONFIRMED),
    where=("id",),
    columns=("modified_at",),
    fixed={"status": UserStatus.CONFIRMED},
)
# The counters of failed attempts, back to nothing.
FORGIVEN = {
    "failed_passwords": 0,
    "password_tried_at": None,
    "failed_codes": 0,
    "code_tried_at": None,
}
forgive_live_user = Update(
    lambda: PoolUser.objects.filter(enabled=True),
    where=("id", "epoch", "password_set_at"),
    fixed=FORGIVEN,
)
# The same for a sign-in that uses a code of the authenticator app up: not one of a step that was
# accepted before, nor of an older one.
forgive_live_user_by_step = Update(
    lambda: PoolUser.objects.filter(enabled=True),
    where=("id", "epoch", "password_set_at", "software_token_step__lt"),
    columns=("software_token_step",),
    fixed=FORGIVEN,
)
forgive_live_passwordless_user = Update(
    lambda: PoolUser.objects.filter(enabled=True, password_set_at=None),
    where=("id", "epoch"),
    fixed=FORGIVEN,
)
PASSWORD_COLUMNS = (
    "password_form",
    "password_salt",
    "password_pool_name",
    "password_sealed",
    "password_set_at",
    "status",
    "modified_at",
)
PASSWORDS_FORGIVEN = {"failed_passwords": 0, "password_tried_at": None}
store_password = Update(
    PoolUser.objects.all,
    where=("id",),
    columns=PASSWORD_COLUMNS,
    fixed=PASSWORDS_FORGIVEN,
)
# The same as long as nobody ended the user or set another password meanwhile.
replace_password = Update(
    lambda: PoolUser.objects.filter(enabled=True),
    where=("id", "epoch", "password_set_at"),
    columns=PASSWORD_COLUMNS,
    fixed=PASSWORDS_FORGIVEN,
)


class UserAlias(models.Model):
    """A name, other than the username, that signs one user of a pool in.

    Rows exist in pools with AliasAttributes (for verified values, and for usernames, so that both
    share one name space) and in pools with UsernameAttributes (for e-mail and phone).
    """

    pool = models.ForeignKey(
        UserPool, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    user = models.ForeignKey(
        PoolUser, on_delete=models.CASCADE, related_name="aliases", db_index=False
    )
    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=2048)

    class Meta:
        verbose_name_plural = "user aliases"
        constraints = [
            models.UniqueConstraint(fields=["pool", "key"], name="alias_owned_once"),
            models.UniqueConstraint(fields=["user", "kind"], name="one_alias_of_a_kind"),
        ]

    def __str__(self) -> str:
        return self.key


alias_with_user = Select(
    lambda: UserAlias.objects.select_related("user"),
    "pool_id",
    "key",
)


class GuessBucket(models.Model):
    """Failed sign-ins under unknown names, by keyed hash: a fixed number of rows.

    What codes of unknown names leave is in further ranges of as many buckets (stand_ins.py).
    """

    BUCKETS = 65536

    bucket = models.PositiveIntegerField(primary_key=True)
    failed_passwords = models.PositiveIntegerField(default=0)
    password_tried_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.bucket)
