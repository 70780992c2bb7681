"""What people type, held to the service model as the API holds what programs send."""

from typing import Any, Final

from userpools.awsjson.service import cognito_idp
from userpools.awsjson.validation import Violation, lower_camel, member_checkers
from userpools.errors import InvalidParameterException

WORDS: Final = {
    "Username": "The name",
    "Password": "The password",
    "ConfirmationCode": "The code",
    "UserAttributes": "One of the details",
}


def check(operation: str, **members: Any) -> None:
    """Raise InvalidParameterException, in a person's words, for what the operation refuses."""
    shape = cognito_idp.model.operation_model(operation).input_shape
    for name, _path, _required, check_member in member_checkers("cognito-idp", shape):
        violations: list[Violation] = []
        if name in members:
            check_member(members[name], lower_camel(name), violations)
        if violations:
            raise InvalidParameterException(f"{WORDS[name]} is empty, too long or of another form.")
