"""The tables of user pools, one module a resource."""

from .access_key import AccessKey
from .audit import AuditEntry
from .auth_event import AuthEvent
from .browser_session import BrowserSession
from .client import AppClient, ClientSecret
from .custom_auth import CustomAuthStep
from .device import Device
from .domain import UserPoolDomain
from .group import Group, Membership
from .message import Medium, Message, MessageState
from .oauth import AccessToken, DeviceGrant, Grant, IDToken, RefreshToken
from .operator import Operator
from .passkey import Passkey
from .past_password import PastPassword
from .pool import IssuerProfile, PasswordStorage, UserPool
from .resource_server import ResourceServer
from .sign_in_session import SignInSession, SpentStep
from .signing_key import KeyUse, MasterKey, SigningKey
from .software_token import SoftwareToken
from .user import GuessBucket, PoolUser, UserAlias, UserStatus
from .verification_code import CodePurpose, VerificationCode

__all__ = [
    "AccessKey",
    "AccessToken",
    "AppClient",
    "AuditEntry",
    "AuthEvent",
    "BrowserSession",
    "ClientSecret",
    "CodePurpose",
    "CustomAuthStep",
    "Device",
    "DeviceGrant",
    "Grant",
    "Group",
    "GuessBucket",
    "IDToken",
    "IssuerProfile",
    "KeyUse",
    "MasterKey",
    "Medium",
    "Membership",
    "Message",
    "MessageState",
    "Operator",
    "Passkey",
    "PasswordStorage",
    "PastPassword",
    "PoolUser",
    "RefreshToken",
    "ResourceServer",
    "SignInSession",
    "SigningKey",
    "SoftwareToken",
    "SpentStep",
    "UserAlias",
    "UserPool",
    "UserPoolDomain",
    "UserStatus",
    "VerificationCode",
]
