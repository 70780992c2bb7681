"""What a first start makes: an operator, an access key, a demo pool with a client and a user.

Nothing is made twice: what the values of an earlier start still name is kept.
"""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from django.utils import timezone

from userpools import ids
from userpools.audit import record_act
from userpools.conf import settings
from userpools.local_api import LocalApi, actor
from userpools.models import AccessKey, AppClient, Operator, PoolUser, UserPool
from userpools.sealing import Broken

FILE_NAME = "quickstart.env"
NAMES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER",
    "AWS_ENDPOINT_URL_COGNITO_IDENTITY",
    "AWS_ENDPOINT_URL_STS",
    "PUBLIC_URL",
    "ADMIN_URL",
    "ADMIN_USER",
    "ADMIN_PASSWORD",
    "DEMO_POOL_ID",
    "DEMO_CLIENT_ID",
    "DEMO_USERNAME",
    "DEMO_PASSWORD",
)
ADMIN = "admin"
DEMO_USERNAME = "demo"
DEMO_EMAIL = "demo@example.com"
DEMO_POOL = "demo"
DEMO_CLIENT = "demo-app"
DEMO_FLOWS = [
    "ALLOW_USER_PASSWORD_AUTH",
    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    "ALLOW_USER_SRP_AUTH",
    "ALLOW_REFRESH_TOKEN_AUTH",
]

Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class EnvironmentFile:
    """`quickstart.env`: what a shell sources to call this server; it holds secrets."""

    path: Path

    def read(self) -> Values:
        """Return its values; what is not written in its form is passed over."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        values: Values = {}
        for line in lines:
            name, equals, text = line.partition("=")
            if equals and name in NAMES:
                values[name] = _unquoted(text)
        return values

    def write(self, values: Values) -> None:
        """Replace the file in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f"{FILE_NAME}.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{name}={shlex.quote(values[name])}\n" for name in NAMES)
        fresh.replace(self.path)


def _unquoted(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError:
        return ""
    return words[0] if len(words) == 1 else ""


def prepare(file: EnvironmentFile, *, endpoint: str, with_demo: bool) -> Values:
    """Make what is missing, write the file and return its values.

    `endpoint` is where programs reach the server. The file is written after each step, so that an
    interrupted start makes nothing twice.
    """
    earlier = file.read()
    region = earlier.get("AWS_REGION") or settings.DEFAULT_REGION
    values = dict.fromkeys(NAMES, "") | earlier
    values |= {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": endpoint,
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY": endpoint,
        "AWS_ENDPOINT_URL_STS": endpoint,
        "PUBLIC_URL": settings.PUBLIC_URL,
        "ADMIN_URL": f"{settings.PUBLIC_URL}/admin/",
    }
    operator = _operator(values)
    file.write(values)
    _access_key(values, operator)
    file.write(values)
    if with_demo:
        api = LocalApi(region)
        pool = _demo_pool(values, api)
        file.write(values)
        _demo_client(values, api, pool)
        file.write(values)
        _demo_user(values, api, pool)
        file.write(values)
    return values


def _random_password(length: int) -> str:
    return ids.temporary_password(
        minimum_length=length, upper=True, lower=True, numbers=True, symbols=True
    )


def _operator(values: Values) -> Operator:
    """Return the operator, with the password that the values name; one the operator set is kept."""
    name = values["ADMIN_USER"] = values["ADMIN_USER"] or ADMIN
    operator = Operator.objects.filter(username=name).first()
    if operator is not None and values["ADMIN_PASSWORD"]:
        return operator
    password = values["ADMIN_PASSWORD"] = values["ADMIN_PASSWORD"] or _random_password(20)
    if operator is None:
        operator = Operator.objects.create_superuser(name, password=password)
        record_act(actor(), "CreateOperator", resource=name)
    else:
        operator.set_password(password)
        operator.save(update_fields=["password"])
        record_act(actor(), "SetOperatorPassword", resource=name)
    return operator


def _access_key(values: Values, operator: Operator) -> None:
    known = AccessKey.objects.filter(pk=values["AWS_ACCESS_KEY_ID"]).select_related("operator")
    if any(_is_good(key, values["AWS_SECRET_ACCESS_KEY"]) for key in known):
        return
    key, secret = AccessKey.issue(operator, description="quickstart")
    record_act(actor(), "CreateAccessKey", resource=key.pk, after={"Operator": operator.username})
    values |= {"AWS_ACCESS_KEY_ID": key.pk, "AWS_SECRET_ACCESS_KEY": secret}


def _is_good(key: AccessKey, secret: str) -> bool:
    try:
        return key.is_usable(timezone.now()) and key.secret() == secret
    except Broken:
        return False


def _demo_pool(values: Values, api: LocalApi) -> UserPool:
    pool = UserPool.objects.filter(pk=values["DEMO_POOL_ID"]).first()
    if pool is not None:
        return pool
    answer = api("CreateUserPool", PoolName=DEMO_POOL, AutoVerifiedAttributes=["email"])
    values["DEMO_POOL_ID"] = answer["UserPool"]["Id"]
    return UserPool.objects.get(pk=values["DEMO_POOL_ID"])


def _demo_client(values: Values, api: LocalApi, pool: UserPool) -> None:
    if AppClient.objects.filter(pool=pool, client_id=values["DEMO_CLIENT_ID"]).exists():
        return
    answer = api(
        "CreateUserPoolClient",
        UserPoolId=pool.pk,
        ClientName=DEMO_CLIENT,
        ExplicitAuthFlows=DEMO_FLOWS,
        PreventUserExistenceErrors="ENABLED",
    )
    values["DEMO_CLIENT_ID"] = answer["UserPoolClient"]["ClientId"]


def _demo_user(values: Values, api: LocalApi, pool: UserPool) -> None:
    name = values["DEMO_USERNAME"] = values["DEMO_USERNAME"] or DEMO_USERNAME
    known = PoolUser.objects.named(pool, name).exists()
    if known and values["DEMO_PASSWORD"]:
        return
    if not known:
        api(
            "AdminCreateUser",
            UserPoolId=pool.pk,
            Username=name,
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": DEMO_EMAIL},
                {"Name": "email_verified", "Value": "true"},
            ],
        )
    values["DEMO_PASSWORD"] = values["DEMO_PASSWORD"] or _random_password(16)
    api(
        "AdminSetUserPassword",
        UserPoolId=pool.pk,
        Username=name,
        Password=values["DEMO_PASSWORD"],
        Permanent=True,
    )
