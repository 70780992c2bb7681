"""What the server's own cloud credentials may be used for: the operator's list of ARN patterns.

A pool's operator names functions, keys, regions and roles; naming one grants nothing. The list is
POOLHOUSE_AWS_TARGETS and empty by default; `*` and `?` match as in IAM policies.
"""

from userpools.conf import settings
from userpools.policies import Policy


def allows(arn: str) -> bool:
    """Say whether a pattern of the list matches the ARN."""
    patterns = list(settings.AWS_TARGETS)
    if not patterns:
        return False
    statement = {"Effect": "Allow", "Action": "*", "Resource": patterns}
    return Policy.parse({"Version": "2012-10-17", "Statement": [statement]}).allows("aws:Use", arn)
