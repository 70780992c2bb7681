"""The output shapes of the API, built from rows; the wire layer drops what has no value."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from userpools.conf import settings
from userpools.models import (
    AppClient,
    ClientSecret,
    Device,
    Group,
    Passkey,
    PoolUser,
    ResourceServer,
    UserPool,
    UserPoolDomain,
)
from userpools.models.domain import domains_of
from userpools.tokens.mint import TokenSet

Shape = dict[str, Any]
DEFAULT_REFRESH_DAYS = 30


# Pools


def pool_type(pool: UserPool, *, user_count: int = 0) -> Shape:
    """UserPoolType."""
    names = {domain.is_custom: domain.domain for domain in domains_of(pool)}
    return {
        **pool.configuration,
        "Id": pool.id,
        "Name": pool.name,
        "Arn": pool.arn,
        "CreationDate": pool.created_at,
        "LastModifiedDate": pool.modified_at,
        "SchemaAttributes": pool.schema,
        "UserPoolTier": pool.tier,
        "DeletionProtection": pool.deletion_protection,
        "MfaConfiguration": pool.mfa_configuration,
        "UserPoolTags": pool.tags,
        "EstimatedNumberOfUsers": user_count,
        "Domain": names.get(False),
        "CustomDomain": names.get(True),
    }


def pool_description(pool: UserPool) -> Shape:
    """UserPoolDescriptionType."""
    return {
        "Id": pool.id,
        "Name": pool.name,
        "LambdaConfig": pool.lambda_config,
        "CreationDate": pool.created_at,
        "LastModifiedDate": pool.modified_at,
    }


def mfa_config(pool: UserPool) -> Shape:
    """The output of GetUserPoolMfaConfig and SetUserPoolMfaConfig."""
    return {**pool.mfa_details, "MfaConfiguration": pool.mfa_configuration}


# Clients


def client_type(client: AppClient) -> Shape:
    """UserPoolClientType.

    Members without a value of their own, ExplicitAuthFlows among them, are left out although they
    have a default. Source: recorded answers to DescribeUserPoolClient.
    """
    secrets = client.secret_values
    return {
        "TokenValidityUnits": {},
        "AllowedOAuthFlowsUserPoolClient": False,
        "EnableTokenRevocation": True,
        "EnablePropagateAdditionalUserContextData": False,
        "AuthSessionValidity": 3,
        **client.configuration,
        "RefreshTokenValidity": client.setting("RefreshTokenValidity") or DEFAULT_REFRESH_DAYS,
        "UserPoolId": client.pool_id,
        "ClientName": client.name,
        "ClientId": client.client_id,
        "ClientSecret": secrets[0] if secrets else None,
        "CreationDate": client.created_at,
        "LastModifiedDate": client.modified_at,
    }


def client_description(client: AppClient) -> Shape:
    """UserPoolClientDescription."""
    return {
        "ClientId": client.client_id,
        "UserPoolId": client.pool_id,
        "ClientName": client.name,
    }


def client_secret(secret: ClientSecret, *, value: str | None = None) -> Shape:
    """ClientSecretDescriptorType; the value is shown once, when the secret is made."""
    return {
        "ClientSecretId": secret.id,
        "ClientSecretValue": value,
        "ClientSecretCreateDate": secret.created_at,
    }


# Resource servers and domains


def resource_server_type(server: ResourceServer) -> Shape:
    """ResourceServerType."""
    return {
        "UserPoolId": server.pool_id,
        "Identifier": server.identifier,
        "Name": server.name,
        "Scopes": server.scopes,
    }


def changed_domain(domain: UserPoolDomain) -> Shape:
    """The output of CreateUserPoolDomain and UpdateUserPoolDomain."""
    return {
        "ManagedLoginVersion": domain.managed_login_version,
        "CloudFrontDomain": _alias_target() if domain.is_custom else None,
        "Routing": domain.configuration.get("Routing"),
    }


def domain_description(domain: UserPoolDomain, account_id: str) -> Shape:
    """DomainDescriptionType.

    There is no CloudFront here: its members name what a customer's own name is to point at.
    """
    return {
        "UserPoolId": domain.pool_id,
        "AWSAccountId": account_id,
        "Domain": domain.domain,
        "CloudFrontDistribution": _alias_target(),
        "Version": f"{domain.modified_at:%Y%m%d%H%M%S}",
        "Status": "ACTIVE",
        "CustomDomainConfig": domain.configuration.get("CustomDomainConfig"),
        "ManagedLoginVersion": domain.managed_login_version,
        "Routing": domain.configuration.get("Routing"),
    }


def _alias_target() -> str:
    return urlsplit(settings.PUBLIC_URL).hostname or ""


# Groups


def group_type(group: Group) -> Shape:
    """GroupType."""
    return {
        "GroupName": group.name,
        "UserPoolId": group.pool_id,
        "Description": group.description or None,
        "RoleArn": group.role_arn or None,
        "Precedence": group.precedence,
        "CreationDate": group.created_at,
        "LastModifiedDate": group.modified_at,
    }


# Users


def attribute_list(user: PoolUser, only: Iterable[str] | None = None) -> list[Shape]:
    """The user's attributes and `sub`; with `only`, those of these names that have a value."""
    attributes = {"sub": str(user.sub), **user.attributes}
    wanted = attributes.keys() if only is None else frozenset(only)
    return [{"Name": name, "Value": value} for name, value in attributes.items() if name in wanted]


def mfa_options(user: PoolUser) -> list[Shape] | None:
    """MFAOptions: the older form of a user's factors, which knows SMS alone."""
    if "SMS_MFA" not in user.mfa_methods.split():
        return None
    return [{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]


def mfa_settings(user: PoolUser) -> Shape:
    """The members of AdminGetUser and GetUser that show the user's second factors."""
    return {
        "MFAOptions": mfa_options(user),
        "PreferredMfaSetting": user.mfa_preferred or None,
        "UserMFASettingList": user.mfa_methods.split() or None,
    }


def user_type(user: PoolUser, only: Iterable[str] | None = None) -> Shape:
    """UserType, as ListUsers, ListUsersInGroup and AdminCreateUser show it."""
    return {
        "Username": user.username,
        "Attributes": attribute_list(user, only),
        "UserCreateDate": user.created_at,
        "UserLastModifiedDate": user.modified_at,
        "Enabled": user.enabled,
        "UserStatus": str(user.status),
        "MFAOptions": mfa_options(user),
    }


def passkey(passkey: Passkey) -> Shape:
    """WebAuthnCredentialDescription."""
    return {
        "CredentialId": passkey.credential_id,
        "FriendlyCredentialName": passkey.friendly_name,
        "RelyingPartyId": passkey.relying_party_id,
        "AuthenticatorAttachment": passkey.attachment or None,
        "AuthenticatorTransports": passkey.transports.split(),
        "CreatedAt": passkey.created_at,
    }


# Devices


def device_type(device: Device) -> Shape:
    """DeviceType; the attributes have the names that recorded answers show."""
    pool = device.user.pool
    owner = f"{device.user.username}.{pool.pk}"
    attributes = {
        "device_status": "valid",
        "device_name": device.name,
        "dev:device_arn": f"{pool.arn.rpartition(':')[0]}:owner/{owner}/device/{device.key}",
        "dev:device_owner": owner,
        "last_ip_used": device.last_address,
        "dev:device_remembered_status": "remembered" if device.remembered else "not_remembered",
    }
    return {
        "DeviceKey": device.key,
        "DeviceAttributes": [
            {"Name": name, "Value": value} for name, value in attributes.items() if value
        ],
        "DeviceCreateDate": device.created_at,
        "DeviceLastModifiedDate": device.modified_at,
        "DeviceLastAuthenticatedDate": device.last_authenticated_at,
    }


# Sign-in


def authentication_result(tokens: TokenSet, new_device: Shape | None = None) -> Shape:
    """AuthenticationResultType; with NewDeviceMetadata."""
    return {
        "AccessToken": tokens.access_token,
        "IdToken": tokens.id_token,
        "RefreshToken": tokens.refresh_token,
        "ExpiresIn": tokens.expires_in,
        "TokenType": "Bearer",
        "NewDeviceMetadata": new_device,
    }
