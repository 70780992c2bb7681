"""Text messages: the backends that come with the server. The SMS_BACKEND setting names one."""

import sys

from userpools.errors import CodeDeliveryFailureException
from userpools.ports import Sms


class NoSms:
    """Refuses: no provider is configured, and the message's row says so."""

    def send(self, message: Sms) -> None:
        """Raise CodeDeliveryFailureException."""
        raise CodeDeliveryFailureException("No SMS backend is configured.")


class ConsoleSms:
    """Prints. For development: it shows codes to whoever reads the output."""

    for_development = True

    def send(self, message: Sms) -> None:
        """Print the message."""
        sys.stdout.write(f"SMS to {message.to}: {message.body}\n")
        sys.stdout.flush()
