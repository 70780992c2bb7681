"""A server on the internet: nothing is generated, nothing is guessed."""

from django.core.exceptions import ImproperlyConfigured

from .base import *  # noqa: F403
from .base import POOLHOUSE
from .environment import email, secret_from

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

# Django's own default would be port 25 of this machine, and codes would wait for ever.
EMAIL_BACKEND = "userpools.messaging.email.NoEmail"
vars().update(email())
