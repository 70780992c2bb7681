"""Text messages: the backends that come with the server. The SMS_BACKEND setting names one."""

import sys
from functools import lru_cache
from http import HTTPStatus
from threading import Lock
from typing import Any, ClassVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from userpools import aws_targets, outbound
from userpools.conf import settings
from userpools.errors import CodeDeliveryFailureException
from userpools.ports import Sms

# Seconds that a provider may take.
TIMEOUT = 15


def check(message: Sms) -> None:
    """Raise CodeDeliveryFailureException for a message that is known not to arrive."""
    backend = settings.SMS_BACKEND()
    if hasattr(backend, "check"):
        backend.check(message)


def is_usable() -> bool:
    """Say whether there is a backend that takes messages."""
    return not isinstance(settings.SMS_BACKEND(), NoSms)


def send(message: Sms) -> None:
    """Send through the configured backend; raise what it raises."""
    settings.SMS_BACKEND().send(message)


class NoSms:
    """Takes no message: no provider is configured."""

    def check(self, message: Sms) -> None:
        """Raise CodeDeliveryFailureException."""
        raise CodeDeliveryFailureException("No SMS backend is configured.")

    def send(self, message: Sms) -> None:
        """Raise CodeDeliveryFailureException."""
        self.check(message)


class ConsoleSms:
    """Prints. For development: it shows codes to whoever reads the output."""

    for_development = True

    def send(self, message: Sms) -> None:
        """Print the message."""
        sys.stdout.write(f"SMS to {message.to}: {message.body}\n")
        sys.stdout.flush()


class SnsSms:
    """Publishes to the phone through Amazon SNS, with the server's own cloud credentials.

    An operator who chooses this backend allows it the server's default region. Another one, which a
    pool's SmsConfiguration.SnsRegion may name, needs a pattern in POOLHOUSE_AWS_TARGETS that
    matches `arn:aws:sns:<region>:<account>:sms`: a direct publish has no ARN of its own. The role
    in SnsCallerArn is never assumed. Endpoint and credentials are botocore's usual ones.
    """

    def check(self, message: Sms) -> None:
        """Refuse a region that the operator does not allow."""
        if message.region and message.region != settings.DEFAULT_REGION:
            arn = f"arn:aws:sns:{message.region}:{settings.ACCOUNT_ID}:sms"
            if not aws_targets.allows(arn):
                raise CodeDeliveryFailureException(
                    f"Text messages may not be sent from the region {message.region}."
                )

    def send(self, message: Sms) -> None:
        """Publish as a transactional message."""
        self.check(message)
        attributes = {"AWS.SNS.SMS.SMSType": "Transactional"}
        if sender := settings.SNS.get("SENDER_ID"):
            attributes["AWS.SNS.SMS.SenderID"] = sender
        try:
            _sns(message.region or settings.DEFAULT_REGION).publish(
                PhoneNumber=message.to,
                Message=message.body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in attributes.items()
                },
            )
        except ClientError as exc:
            # The code alone: the text may quote the number.
            code = exc.response.get("Error", {}).get("Code", "")
            raise CodeDeliveryFailureException(f"SNS refused the message: {code}") from exc
        except BotoCoreError as exc:
            raise CodeDeliveryFailureException(f"SNS: {type(exc).__name__}") from exc


_making_clients = Lock()


@lru_cache(maxsize=32)
def _sns(region: str) -> Any:
    """Return the region's client; making one takes longer than a message does."""
    retries = {"total_max_attempts": 2, "mode": "standard"}
    config = Config(connect_timeout=5, read_timeout=TIMEOUT, retries=retries)
    with _making_clients:
        return botocore.session.get_session().create_client(
            "sns", region_name=region, config=config
        )


class TwilioSms:
    """Sends through Twilio's REST API (`Messages.json`), with the account's id and token.

    FROM is a number, a sender name, or the id of a messaging service (`MG...`).
    """

    wanted: ClassVar = {
        "ACCOUNT_SID": "TWILIO_ACCOUNT_SID",
        "AUTH_TOKEN": "TWILIO_AUTH_TOKEN",
        "FROM": "TWILIO_FROM",
    }

    @classmethod
    def missing(cls) -> list[str]:
        """Return the environment names of what it lacks."""
        return [name for key, name in cls.wanted.items() if not settings.TWILIO.get(key)]

    def send(self, message: Sms) -> None:
        """Post the message."""
        options = settings.TWILIO
        endpoint = options.get("ENDPOINT") or "https://api.twilio.com"
        sender = options["FROM"]
        answer = _posted(
            f"{endpoint}/2010-04-01/Accounts/{options['ACCOUNT_SID']}/Messages.json",
            data={
                "To": message.to,
                "MessagingServiceSid" if sender.startswith("MG") else "From": sender,
                "Body": message.body,
            },
            auth=outbound.BasicAuth(options["ACCOUNT_SID"], options["AUTH_TOKEN"]),
        )
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise CodeDeliveryFailureException(
                f"Twilio refused the message: HTTP {answer.status_code}{_twilio_code(answer)}"
            )


def _twilio_code(answer: outbound.Answer) -> str:
    """Return Twilio's number for the error; its text may quote the phone number."""
    try:
        code = answer.json()["code"]
    except (ValueError, LookupError, TypeError):
        return ""
    return f", error {code}" if isinstance(code, int) else ""


class HttpSms:
    """Posts each message as JSON to a URL of the operator's: `to`, `body`, `pool_id`, `kind`.

    A SECRET signs the request (`outbound.HmacAuth`), a TOKEN goes along as a bearer token. Any
    status from 200 to 299 means that the message was taken.
    """

    @classmethod
    def missing(cls) -> list[str]:
        """Return the environment names of what it lacks."""
        return [] if settings.SMS_HTTP.get("URL") else ["SMS_HTTP_URL"]

    def send(self, message: Sms) -> None:
        """Post the message."""
        options = settings.SMS_HTTP
        token, secret = options.get("TOKEN"), options.get("SECRET")
        answer = _posted(
            options["URL"],
            json={
                "to": message.to,
                "body": message.body,
                "pool_id": message.pool_id,
                "kind": message.kind,
            },
            headers={"Authorization": f"Bearer {token}"} if token else None,
            auth=outbound.HmacAuth(secret) if secret else None,
        )
        if not HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            raise CodeDeliveryFailureException(
                f"The SMS gateway refused the message: HTTP {answer.status_code}"
            )


def _posted(url: str, **request: Any) -> outbound.Answer:
    """Post to a provider that the operator's settings name, be it in a private network."""
    try:
        return outbound.post(url, timeout=TIMEOUT, allow_private=True, **request)
    except outbound.OutboundError as exc:
        raise CodeDeliveryFailureException(str(exc)) from exc
