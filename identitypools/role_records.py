"""Role records: made and changed here, with policies that are evaluated or refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from identitypools.models import (
    DEFAULT_SESSION_SECONDS,
    LONGEST_SESSION_SECONDS,
    OidcProvider,
    Role,
    new_version,
    roles,
)
from userpools import ids
from userpools.audit import Actor, record_act
from userpools.conf import settings
from userpools.errors import InvalidParameterException, ResourceConflictException
from userpools.models.stamps import stamps
from userpools.policies import Policy, PolicyError, TrustPolicy

NAME: Final = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
PATH: Final = re.compile(r"/|/[\x21-\x7e]{1,510}/", re.ASCII)
CLIENT_ID: Final = re.compile(r"[\x21-\x7e]{1,255}")
MOST_CLIENT_IDS: Final = 100
LONGEST_ISSUER: Final = 255


def trust_of(pool_id: str, *, amr: str = "authenticated") -> dict[str, Any]:
    """Return the usual trust policy: identities of one pool that signed in, or its guests."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": "cognito-identity.amazonaws.com"},
                "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
                "Condition": {
                    "StringEquals": {"cognito-identity.amazonaws.com:aud": pool_id},
                    "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": amr},
                },
            }
        ],
    }


@dataclass(frozen=True, slots=True)
class RoleSettings:
    """What a role record says."""

    name: str
    trust_policy: Mapping[str, Any]
    policy: Mapping[str, Any]
    path: str = "/"
    description: str = ""
    max_session_seconds: int = DEFAULT_SESSION_SECONDS


def arn_of(name: str, path: str) -> str:
    """Compose a role's ARN."""
    return f"arn:aws:iam::{settings.ACCOUNT_ID}:role{path}{name}"


def check_policies(trust_policy: Any, policy: Any) -> None:
    """Raise InvalidParameterException for policies that are not wholly evaluated here."""
    for label, parse, given in (
        ("Trust policy", TrustPolicy.parse, trust_policy),
        ("Permission policy", Policy.for_roles, policy),
    ):
        if not isinstance(given, dict):
            raise InvalidParameterException(f"{label}: The policy must be a JSON object.")
        try:
            parse(given)
        except PolicyError as exc:
            raise InvalidParameterException(f"{label}: {exc}") from exc


def create_role(given: RoleSettings, *, actor: Actor) -> Role:
    """Make a role; ResourceConflictException when the name is taken under its path."""
    _check(given)
    role = Role(arn=arn_of(given.name, given.path), name=given.name, path=given.path)
    role.role_id = ids.new_role_id()
    for name, value in stamps().items():
        setattr(role, name, value)
    _apply(role, given)
    try:
        with transaction.atomic():
            role.save(force_insert=True)
            record_act(actor, "CreateRole", resource=role.arn, after=_document(role))
    except IntegrityError as exc:
        raise ResourceConflictException(f"The role {role.arn} exists.") from exc
    return role


def update_role(arn: str, given: RoleSettings, *, actor: Actor) -> Role:
    """Change a role; its name and path stay."""
    _check(given)
    with transaction.atomic():
        role = Role.objects.select_for_update().get(arn=arn)
        before = _document(role)
        _apply(role, given)
        role.version, role.modified_at = new_version(), timezone.now()
        role.save()
        roles.forget(arn)
        record_act(actor, "UpdateRole", resource=arn, before=before, after=_document(role))
    return role


def delete_role(arn: str, *, actor: Actor) -> None:
    """Delete a role; what its credentials could do, they can no longer."""
    with transaction.atomic():
        role = Role.objects.select_for_update().get(arn=arn)
        record_act(actor, "DeleteRole", resource=arn, before=_document(role))
        role.delete()
        roles.forget(arn)


def _check(given: RoleSettings) -> None:
    if NAME.fullmatch(given.name) is None:
        raise InvalidParameterException("A role's name has 1 to 64 of A-Z a-z 0-9 + = , . @ _ -.")
    if PATH.fullmatch(given.path) is None:
        raise InvalidParameterException("A role's path begins and ends with a slash.")
    seconds = given.max_session_seconds
    if not DEFAULT_SESSION_SECONDS <= seconds <= LONGEST_SESSION_SECONDS:
        raise InvalidParameterException(
            f"Sessions last {DEFAULT_SESSION_SECONDS} to {LONGEST_SESSION_SECONDS} seconds at most."
        )
    check_policies(given.trust_policy, given.policy)


def _apply(role: Role, given: RoleSettings) -> None:
    role.description = given.description
    role.trust_policy, role.policy = dict(given.trust_policy), dict(given.policy)
    role.max_session_seconds = given.max_session_seconds


def _document(role: Role) -> dict[str, Any]:
    return {
        "Arn": role.arn,
        "Description": role.description,
        "TrustPolicy": role.trust_policy,
        "Policy": role.policy,
        "MaxSessionDuration": role.max_session_seconds,
    }


# OpenID providers


def oidc_arn(issuer: str) -> str:
    """Compose an OpenID provider's ARN: its issuer without the scheme."""
    return f"arn:aws:iam::{settings.ACCOUNT_ID}:oidc-provider/{issuer.partition('://')[2]}"


def register_oidc(issuer: str, client_ids: list[str], *, actor: Actor) -> OidcProvider:
    """Register an OpenID provider, or replace its client ids.

    The issuer is an https URL; http is for servers that may call private addresses.
    """
    issuer = issuer.rstrip("/")
    schemes = ("https://", "http://") if settings.OUTBOUND_PRIVATE else ("https://",)
    host = issuer.partition("://")[2]
    if not issuer.startswith(schemes) or not host or set("?#@ \x00") & set(issuer):
        raise InvalidParameterException("The issuer must be an https URL without query.")
    if len(issuer) > LONGEST_ISSUER:
        raise InvalidParameterException("The issuer is too long.")
    if not 1 <= len(client_ids) <= MOST_CLIENT_IDS:
        raise InvalidParameterException(f"Name 1 to {MOST_CLIENT_IDS} client ids.")
    if any(CLIENT_ID.fullmatch(one) is None for one in client_ids):
        raise InvalidParameterException("A client id has 1 to 255 printable characters.")
    with transaction.atomic():
        provider, _ = OidcProvider.objects.update_or_create(
            arn=oidc_arn(issuer),
            defaults={"issuer": issuer, "client_ids": list(dict.fromkeys(client_ids))},
        )
        record_act(
            actor,
            "RegisterOpenIdProvider",
            resource=provider.arn,
            after={"Issuer": issuer, "ClientIds": provider.client_ids},
        )
    return provider


def remove_oidc(arn: str, *, actor: Actor) -> None:
    """Take an OpenID provider away; pools that name it take its tokens no more."""
    with transaction.atomic():
        OidcProvider.objects.get(arn=arn).delete()
        record_act(actor, "RemoveOpenIdProvider", resource=arn)
