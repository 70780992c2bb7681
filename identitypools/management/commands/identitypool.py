"""`manage.py identitypool`: identity pools, roles, OpenID providers and the issuer's keys."""

from typing import Any

from django.core.management.base import CommandError

from identitypools import keys, pools, providers, role_records, trial
from identitypools.models import (
    DEFAULT_SESSION_SECONDS,
    Identity,
    IdentityPool,
    OidcProvider,
    Role,
    Vendor,
)
from identitypools.role_records import RoleSettings
from userpools.awsjson.service import cognito_identity
from userpools.conf import settings
from userpools.local_api import LocalApi, actor
from userpools.management.commands._base import (
    FAILED,
    NounCommand,
    Result,
    argument,
    json_object,
    json_value,
    pairs,
    verb,
)

POOL = argument("pool", metavar="IDENTITY_POOL_ID")
ROLE = argument("arn", metavar="ROLE_ARN")
YES = argument("--yes", action="store_true", help="Do it.")
DOCUMENT = "a JSON document, @file or @- for the standard input"


class Command(NounCommand):
    """Identity pools."""

    help = "Make and show identity pools, their roles, OpenID providers and keys."

    @verb("List the identity pools.")
    def list(self, _options: dict[str, Any]) -> Result:
        return [
            {
                "IdentityPoolId": pool.pk,
                "Name": pool.name,
                "Guests": pool.allow_unauthenticated,
                "Identities": Identity.objects.filter(pool=pool).count(),
            }
            for pool in IdentityPool.objects.order_by("id")
        ]

    @verb(
        "Create an identity pool; guests and the basic flow are off unless asked for.",
        argument("name"),
        argument("--region", default=""),
        argument("--guests", action="store_true", help="Whoever knows the id gets a role."),
        argument("--classic", action="store_true", help="Allow the basic (classic) flow."),
        argument(
            "--client",
            action="append",
            metavar="USER_POOL_ID=CLIENT_ID",
            help="A user pool's client whose ID tokens are logins; may be repeated.",
        ),
        argument("--check-tokens", action="store_true", help="ServerSideTokenCheck for them."),
        argument("--provider", action="append", metavar="NAME=APP_ID", help="A public provider."),
        argument("--oidc", action="append", metavar="ARN", help="A registered OpenID provider."),
        argument("--developer", metavar="NAME", help="Name that your own server vouches under."),
    )
    def create(self, options: dict[str, Any]) -> Result:
        clients = [
            {
                "ProviderName": providers.user_pool_provider(user_pool),
                "ClientId": client_id,
                "ServerSideTokenCheck": options["check_tokens"],
            }
            for user_pool, _, client_id in (one.partition("=") for one in options["client"] or [])
        ]
        return self._api(options["region"])(
            "CreateIdentityPool",
            IdentityPoolName=options["name"],
            AllowUnauthenticatedIdentities=options["guests"],
            AllowClassicFlow=options["classic"],
            CognitoIdentityProviders=clients or None,
            SupportedLoginProviders=pairs(options["provider"]) or None,
            OpenIdConnectProviderARNs=options["oidc"],
            DeveloperProviderName=options["developer"],
        )

    @verb("Show a pool with its roles.", POOL)
    def show(self, options: dict[str, Any]) -> Result:
        pool = IdentityPool.objects.get(pk=options["pool"])
        return pools.document(pool)

    @verb("Delete a pool with its identities.", POOL, YES)
    def delete(self, options: dict[str, Any]) -> Result:
        _want_yes(options)
        pools.delete(options["pool"], actor=actor())
        return f"Deleted {options['pool']}."

    @verb(
        "Set a pool's roles; what is left out is cleared.",
        POOL,
        argument("--authenticated", metavar="ROLE_ARN"),
        argument("--unauthenticated", metavar="ROLE_ARN"),
        argument("--mappings", metavar="JSON", help=f"RoleMappings: {DOCUMENT}."),
    )
    def set_roles(self, options: dict[str, Any]) -> Result:
        named = {name: options[name] for name in ("authenticated", "unauthenticated")}
        self._api_of(options["pool"])(
            "SetIdentityPoolRoles",
            IdentityPoolId=options["pool"],
            Roles={name: arn for name, arn in named.items() if arn},
            RoleMappings=json_object(options["mappings"]) or None,
        )
        return self._warned(options["pool"])

    def _warned(self, pool_id: str) -> str:
        for warning in trial.user_writable(IdentityPool.objects.get(pk=pool_id)):
            self.note(warning)
        return f"Set the roles of {pool_id}."

    @verb(
        "Say who makes a pool's credentials.",
        POOL,
        argument("vendor", choices=[*Vendor.values, "default"]),
        argument("--endpoint", default="", help="STS endpoint; empty for the server's own."),
    )
    def set_vendor(self, options: dict[str, Any]) -> Result:
        vendor = "" if options["vendor"] == "default" else options["vendor"]
        pools.set_vendor(options["pool"], vendor, options["endpoint"].rstrip("/"), actor=actor())
        return f"Credentials of {options['pool']}: {vendor or settings.CREDENTIAL_VENDOR}."

    @verb(
        "Say which role a token gets, and why; without --provider, which one a guest gets.",
        POOL,
        argument("--provider", default="", help="The key of Logins."),
        argument("--token", default="", metavar="JSON", help=f"A JSON string: {DOCUMENT}."),
        argument("--custom-role", default="", metavar="ROLE_ARN"),
    )
    def test_token(self, options: dict[str, Any]) -> Result:
        token = json_value(options["token"]) if options["token"] else ""
        if not isinstance(token, str):
            raise CommandError("The token must be a JSON string.")
        pool = IdentityPool.objects.get(pk=options["pool"])
        found = trial.try_token(pool, options["provider"], token, options["custom_role"])
        if found.error:
            raise CommandError(found.error, returncode=FAILED)
        return {
            "Role": found.role_arn,
            "Reason": found.reason,
            "PrincipalTags": dict(found.tags),
            "Trouble": found.trouble or None,
        }

    @verb("List the roles.")
    def roles(self, _options: dict[str, Any]) -> Result:
        return [
            {"Arn": role.arn, "Description": role.description}
            for role in Role.objects.order_by("arn")
        ]

    @verb(
        "Make a role, or change the one of this name.",
        argument("name"),
        argument("--policy", required=True, metavar="JSON", help=f"What it may do: {DOCUMENT}."),
        argument("--trust", metavar="JSON", help=f"Who may take it: {DOCUMENT}."),
        argument("--pool", help="Identity pool that may take it, in place of --trust."),
        argument("--guests", action="store_true", help="With --pool: guests rather than users."),
        argument("--path", default="/"),
        argument("--description", default=""),
        argument("--max-session", type=int, default=DEFAULT_SESSION_SECONDS, help="Seconds."),
    )
    def role(self, options: dict[str, Any]) -> Result:
        if bool(options["trust"]) is bool(options["pool"]):
            raise CommandError("Give either --trust or --pool.")
        amr = "unauthenticated" if options["guests"] else "authenticated"
        given = RoleSettings(
            name=options["name"],
            path=options["path"],
            description=options["description"],
            trust_policy=json_object(options["trust"])
            if options["trust"]
            else role_records.trust_of(options["pool"], amr=amr),
            policy=json_object(options["policy"]),
            max_session_seconds=options["max_session"],
        )
        arn = role_records.arn_of(given.name, given.path)
        exists = Role.objects.filter(arn=arn).exists()
        saved = (
            role_records.update_role(arn, given, actor=actor())
            if exists
            else role_records.create_role(given, actor=actor())
        )
        return {"Arn": saved.arn, "RoleId": saved.role_id}

    @verb("Delete a role.", ROLE, YES)
    def delete_role(self, options: dict[str, Any]) -> Result:
        _want_yes(options)
        role_records.delete_role(options["arn"], actor=actor())
        return f"Deleted {options['arn']}."

    @verb(
        "Say whether a role may do something.",
        ROLE,
        argument("action", help="As s3:GetObject."),
        argument("resource", help="An ARN."),
        argument("--context", action="append", metavar="KEY=VALUE", help="A condition key."),
        argument("--guest", action="store_true", help="Within the limit of guests."),
    )
    def simulate(self, options: dict[str, Any]) -> Result:
        known = {name.lower(): value for name, value in pairs(options["context"]).items()}
        decision = trial.simulate(
            Role.objects.get(arn=options["arn"]),
            options["action"],
            options["resource"],
            dict(known),
            guest=options["guest"],
        )
        return {
            "Decision": "Allow" if decision.allowed else "Deny",
            "Statement": decision.statement,
            "Sid": decision.sid or None,
        }

    @verb("List the OpenID providers.")
    def providers(self, _options: dict[str, Any]) -> Result:
        return [
            {"Issuer": each.issuer, "ClientIds": each.client_ids, "Arn": each.arn}
            for each in OidcProvider.objects.order_by("issuer")
        ]

    @verb(
        "Register an OpenID provider, or replace its client ids.",
        argument("issuer"),
        argument("client_ids", metavar="CLIENT_ID", nargs="+"),
    )
    def register_provider(self, options: dict[str, Any]) -> Result:
        made = role_records.register_oidc(options["issuer"], options["client_ids"], actor=actor())
        return {"Arn": made.arn, "LoginName": made.login_name}

    @verb("Remove an OpenID provider.", argument("arn"))
    def remove_provider(self, options: dict[str, Any]) -> Result:
        role_records.remove_oidc(options["arn"], actor=actor())
        return f"Removed {options['arn']}."

    @verb(
        "Sign OpenID tokens with a new key; the old one stays published for two days.",
        argument("--region", default=""),
    )
    def rotate_keys(self, options: dict[str, Any]) -> Result:
        made = keys.rotate(options["region"] or settings.DEFAULT_REGION, actor=actor())
        return {"KeyId": made.kid}

    def _api(self, region: str) -> LocalApi:
        return LocalApi(region, cognito_identity)

    def _api_of(self, pool_id: str) -> LocalApi:
        return self._api(pool_id.partition(":")[0])


def _want_yes(options: dict[str, Any]) -> None:
    if not options["yes"]:
        raise CommandError("This cannot be undone. Say --yes.", returncode=FAILED)
