"""`manage.py user`: users of a pool, through the operations of the API."""

import getpass
import sys
from typing import Any

from django.core.management.base import CommandError

from userpools import shapes
from userpools.auth import mfa_preferences, passkeys, passwords
from userpools.auth.mfa_decision import Factor
from userpools.conf import settings
from userpools.local_api import LocalApi, actor
from userpools.models import Passkey, UserPool
from userpools.services import user_limits
from userpools.services.lookup import find_user

from ._base import NounCommand, Result, argument, pairs, verb
from .pool import POOL, wire_object

USER = argument("username")
PASSWORD_STDIN = argument("--password-stdin", action="store_true", help="Read a password from the"
                          " standard input rather than ask for one.")  # fmt: skip
LARGEST_PAGE = 60
FACTORS = tuple(factor.value for factor in Factor)


class Command(NounCommand):
    """Pool users."""

    help = (
        "Create, list, show and delete users, set passwords and factors, sign users out, lift "
        "limits, forget devices, delete passkeys."
    )

    @verb(
        "Create a user with a password that works at once, or invite one.",
        POOL,
        USER,
        argument("--email"),
        argument("--phone", metavar="+NUMBER"),
        argument("--attribute", action="append", metavar="NAME=VALUE"),
        argument("--invite", action="store_true", help="Send a temporary password instead."),
        PASSWORD_STDIN,
    )
    def create(self, options: dict[str, Any]) -> Result:
        api = LocalApi().in_pool(options["pool"])
        attributes = attributes_of(options)
        if options["invite"]:
            mediums = [m for m, given in (("EMAIL", "email"), ("SMS", "phone")) if options[given]]
            return created(api, options, attributes, DesiredDeliveryMediums=mediums or None)
        password = password_from(options)
        # Before the user: none is left behind when the password is refused. In no transaction, as
        # the pool's functions run.
        passwords.check_policy(UserPool.objects.get(pk=options["pool"]), password)
        answer = created(api, options, attributes, MessageAction="SUPPRESS")
        set_password(api, options["pool"], answer["Username"], password, permanent=True)
        return shown(api, options["pool"], answer["Username"])

    @verb(
        "List users.",
        POOL,
        argument("--filter", help="As ListUsers takes it: 'email ^= \"a\"'."),
        argument("--limit", type=int, default=1000),
    )
    def list(self, options: dict[str, Any]) -> Result:
        api = LocalApi().in_pool(options["pool"])
        users: list[dict[str, Any]] = []
        token: str | None = None
        while len(users) < options["limit"]:
            page = api(
                "ListUsers",
                UserPoolId=options["pool"],
                Filter=options["filter"],
                Limit=min(LARGEST_PAGE, options["limit"] - len(users)),
                PaginationToken=token,
            )
            users += page["Users"]
            token = page.get("PaginationToken")
            if token is None:
                break
        return [flat(user) for user in users]

    @verb("Show a user.", POOL, USER)
    def show(self, options: dict[str, Any]) -> Result:
        return shown(LocalApi().in_pool(options["pool"]), options["pool"], options["username"])

    @verb("Show what a user may sign in with: first factors and second ones.", POOL, USER)
    def factors(self, options: dict[str, Any]) -> Result:
        api = LocalApi().in_pool(options["pool"])
        return api(
            "AdminGetUserAuthFactors", UserPoolId=options["pool"], Username=options["username"]
        )

    @verb(
        "Set a password.",
        POOL,
        USER,
        argument(
            "--temporary", action="store_true", help="It must be changed at the next sign-in."
        ),
        PASSWORD_STDIN,
    )
    def set_password(self, options: dict[str, Any]) -> Result:
        api = LocalApi().in_pool(options["pool"])
        password = password_from(options)
        set_password(
            api, options["pool"], options["username"], password, permanent=not options["temporary"]
        )
        return f"Set the password of {options['username']}."

    @verb("Let a disabled user sign in again.", POOL, USER)
    def enable(self, options: dict[str, Any]) -> Result:
        return self.act("AdminEnableUser", options, "Enabled {}.")

    @verb("Refuse a user and end the sessions.", POOL, USER)
    def disable(self, options: dict[str, Any]) -> Result:
        return self.act("AdminDisableUser", options, "Disabled {}.")

    @verb("Delete a user for good.", POOL, USER)
    def delete(self, options: dict[str, Any]) -> Result:
        return self.act("AdminDeleteUser", options, "Deleted {}.")

    @verb("End all sessions of a user.", POOL, USER)
    def sign_out(self, options: dict[str, Any]) -> Result:
        return self.act("AdminUserGlobalSignOut", options, "Signed {} out everywhere.")

    @verb(
        "Show a user's lockout and limits, or let the user begin anew with them.",
        POOL,
        USER,
        argument("--reset", action="store_true", help="Forget what was counted."),
    )
    def limits(self, options: dict[str, Any]) -> Result:
        user = find_user(UserPool.objects.get(pk=options["pool"]), options["username"])
        if not settings.REDIS_URL:
            self.note(
                "Without REDIS_URL the server counts requests in its own memory:"
                " the console shows and resets those."
            )
        if options["reset"]:
            user_limits.reset(user, actor=actor())
            return f"Reset the limits and lockout of {user.username}."
        found = [*user_limits.lockouts_of(user), *user_limits.limits_of(user)]
        return [
            {"Limit": each.name, "Used": each.used, "Allowed": each.allowed, "Ends": each.ends_at}
            for each in found
        ]

    @verb(
        "List a user's passkeys, or delete one.",
        POOL,
        USER,
        argument(
            "--delete", metavar="ID", default="", help="An id may begin with a dash: --delete=ID."
        ),
    )
    def passkeys(self, options: dict[str, Any]) -> Result:
        user = find_user(UserPool.objects.get(pk=options["pool"]), options["username"])
        if options["delete"]:
            passkeys.delete(user, options["delete"], actor=actor())
            return f"Deleted a passkey of {user.username}."
        return [
            {**shapes.passkey(each), "LastUsedAt": each.last_used_at}
            for each in Passkey.objects.of(user)
        ]

    @verb(
        "List a user's devices, or forget one.",
        POOL,
        USER,
        argument("--forget", metavar="KEY", help="Delete this device and end its sessions."),
    )
    def devices(self, options: dict[str, Any]) -> Result:
        api = LocalApi().in_pool(options["pool"])
        theirs = {"UserPoolId": options["pool"], "Username": options["username"]}
        if options["forget"]:
            api("AdminForgetDevice", **theirs, DeviceKey=options["forget"])
            return f"Forgot {options['forget']}."
        found: list[dict[str, Any]] = []
        token: str | None = None
        while True:
            page = api("AdminListDevices", **theirs, PaginationToken=token)
            found += [device_row(device) for device in page["Devices"]]
            token = page.get("PaginationToken")
            if token is None:
                return found

    @verb(
        "Show a user's second factors, or set them.",
        POOL,
        USER,
        argument("--on", action="append", choices=FACTORS, default=[], help="Ask for it."),
        argument("--off", action="append", choices=FACTORS, default=[], help="Ask no more for it."),
        argument("--prefer", choices=(*FACTORS, "none"), help="The first of several; or none."),
        argument("--delete-app", action="store_true", help="Take the authenticator app away."),
    )
    def mfa(self, options: dict[str, Any]) -> Result:
        pool, username = options["pool"], options["username"]
        api = LocalApi().in_pool(pool)
        if options["delete_app"]:
            self.act("AdminDeleteSoftwareToken", options, "")
        present = api("AdminGetUser", UserPoolId=pool, Username=username)
        if settings_of := preferences(options, present.get("PreferredMfaSetting", "")):
            api("AdminSetUserMFAPreference", UserPoolId=pool, Username=username, **settings_of)
            present = api("AdminGetUser", UserPoolId=pool, Username=username)
        return {
            "Username": present["Username"],
            "Factors": present.get("UserMFASettingList", []),
            "Preferred": present.get("PreferredMfaSetting"),
        }

    def act(self, operation: str, options: dict[str, Any], done: str) -> Result:
        """Run an operation that wants a pool and a name."""
        api = LocalApi().in_pool(options["pool"])
        api(operation, UserPoolId=options["pool"], Username=options["username"])
        return done.format(options["username"])


def device_row(device: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of a device: the attributes that say more than its key does."""
    attributes = {item["Name"]: item["Value"] for item in device["DeviceAttributes"]}
    return {
        "DeviceKey": device["DeviceKey"],
        "Name": attributes.get("device_name"),
        "Status": attributes["dev:device_remembered_status"],
        "LastAuthenticated": device["DeviceLastAuthenticatedDate"],
        "From": attributes.get("last_ip_used"),
    }


def preferences(options: dict[str, Any], preferred: str) -> dict[str, dict[str, bool]]:
    """Return the members of AdminSetUserMFAPreference that the options ask for."""
    if both := set(options["on"]) & set(options["off"]):
        raise CommandError(f"Both on and off: {', '.join(sorted(both))}.")
    wanted = {factor: {"Enabled": True} for factor in options["on"]}
    wanted |= {factor: {"Enabled": False} for factor in options["off"]}
    prefer = options["prefer"]
    if prefer == "none" and preferred:
        wanted.setdefault(preferred, {"Enabled": True})
    elif prefer and prefer != "none":
        wanted.setdefault(prefer, {"Enabled": True})["PreferredMfa"] = True
    elif preferred in options["on"]:
        # To turn on what is preferred changes nothing of that.
        wanted[preferred]["PreferredMfa"] = True
    return {
        member: wanted[factor]
        for member, factor in mfa_preferences.MEMBERS.items()
        if factor in wanted
    }


def attributes_of(options: dict[str, Any]) -> list[dict[str, str]]:
    """Return the attributes that the options name; contacts given here count as verified."""
    attributes = pairs(options["attribute"])
    for name, value in (("email", options["email"]), ("phone_number", options["phone"])):
        if value:
            attributes |= {name: value, f"{name}_verified": "true"}
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


def created(
    api: LocalApi, options: dict[str, Any], attributes: list[dict[str, str]], **members: Any
) -> dict[str, Any]:
    """Create the user and return it."""
    answer = api(
        "AdminCreateUser",
        UserPoolId=options["pool"],
        Username=options["username"],
        UserAttributes=attributes,
        **members,
    )
    return flat(wire_object(answer, "User"))


def set_password(
    api: LocalApi, pool_id: str, username: str, password: str, *, permanent: bool
) -> None:
    """Set a password."""
    api(
        "AdminSetUserPassword",
        UserPoolId=pool_id,
        Username=username,
        Password=password,
        Permanent=permanent,
    )


def shown(api: LocalApi, pool_id: str, username: str) -> dict[str, Any]:
    """Return a user as AdminGetUser does, attributes by name."""
    return flat(api("AdminGetUser", UserPoolId=pool_id, Username=username))


def flat(user: dict[str, Any]) -> dict[str, Any]:
    """Return a user with its attributes as one object."""
    attributes = user.get("Attributes", user.get("UserAttributes", []))
    named = {item["Name"]: item["Value"] for item in attributes}
    rest = {name: value for name, value in user.items() if not name.endswith("Attributes")}
    return {**rest, "Attributes": named}


def password_from(options: dict[str, Any]) -> str:
    """Read a password: never from the command line, which other users of the machine can see."""
    if options["password_stdin"]:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandError("There is no terminal to ask for a password: use --password-stdin.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise CommandError("The passwords differ.")
    return password
