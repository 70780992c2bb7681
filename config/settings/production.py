"""A server on the internet: nothing is generated, nothing is guessed."""

from django.core.exceptions import ImproperlyConfigured

from .base import *  # noqa: F403
from .base import POOLHOUSE
from .environment import env, secret_from

SECRET_KEY = secret_from("SECRET_KEY")
if not SECRET_KEY:
    raise ImproperlyConfigured("Set SECRET_KEY or SECRET_KEY_FILE: a long random text.")
if not POOLHOUSE["MASTER_KEYS"]:
    raise ImproperlyConfigured(
        "Set POOLHOUSE_MASTER_KEY or POOLHOUSE_MASTER_KEY_FILE"
        " (make one: manage.py keys new-master)."
    )
POOLHOUSE["PRODUCTION"] = True
POOLHOUSE.setdefault("SMS_BACKEND", "userpools.messaging.sms.NoSms")

POOLHOUSE["SENDS_EMAIL"] = bool(env.str("EMAIL_URL", default=""))
if env.str("EMAIL_URL", default=""):
    vars().update(env.email_url("EMAIL_URL"))
