"""Flows: each reads its AuthParameters, sets the attempt up, and lets the engine go on."""

from userpools.auth.flows.choice import USER_AUTH
from userpools.auth.flows.custom import CUSTOM
from userpools.auth.flows.password import ADMIN_USER_PASSWORD, USER_PASSWORD
from userpools.auth.flows.refresh import REFRESH
from userpools.auth.flows.registry import Flow
from userpools.auth.flows.srp import USER_SRP

FLOWS: dict[str, Flow] = {
    "USER_SRP_AUTH": USER_SRP,
    "USER_PASSWORD_AUTH": USER_PASSWORD,
    "USER_AUTH": USER_AUTH,
    "ADMIN_USER_PASSWORD_AUTH": ADMIN_USER_PASSWORD,
    "ADMIN_NO_SRP_AUTH": ADMIN_USER_PASSWORD,
    "CUSTOM_AUTH": CUSTOM,
    "REFRESH_TOKEN_AUTH": REFRESH,
    "REFRESH_TOKEN": REFRESH,
}

__all__ = ["FLOWS", "Flow"]
