"""The functions that a customer has run at the beginning and at the end of a sign-in.

Source: developer guide, "Pre authentication Lambda trigger", "Post authentication Lambda trigger".
"""

from userpools import lambda_triggers
from userpools.auth.attempt import Attempt
from userpools.lambda_triggers import Origin


def pre_authentication(attempt: Attempt) -> None:
    """Run before the password is looked at, once in an attempt, also for nobody's name.

    ClientMetadata of the first call is its `validationData`. Raises what the function does.
    """
    if not lambda_triggers.configured(attempt.pool, "PreAuthentication"):
        return
    user = attempt.user
    lambda_triggers.run(
        "PreAuthentication_Authentication",
        pool=attempt.pool,
        origin=Origin(attempt.client, attempt.call.user_agent),
        username=attempt.name_shown,
        request={
            "userAttributes": lambda_triggers.user_attributes(user) if user else {},
            "validationData": attempt.validation_data or None,
            "userNotFound": user is None,
        },
    )


def post_authentication(attempt: Attempt) -> None:
    """Run once every step has been passed, before there are tokens."""
    if not lambda_triggers.configured(attempt.pool, "PostAuthentication"):
        return
    origin = Origin(attempt.client, attempt.call.user_agent, attempt.client_metadata)
    tracked = {"newDeviceUsed": attempt.device is None} if attempt.pool.tracks_devices else {}
    lambda_triggers.run(
        "PostAuthentication_Authentication",
        pool=attempt.pool,
        origin=origin,
        username=attempt.known_user.username,
        request={
            "userAttributes": lambda_triggers.user_attributes(attempt.known_user),
            **tracked,
            "clientMetadata": origin.metadata,
        },
    )
