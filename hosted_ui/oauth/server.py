"""The OAuth server: oauthlib's grants over the pool's validator and the one mint."""

from oauthlib.oauth2.rfc6749.endpoints import AuthorizationEndpoint, TokenEndpoint
from oauthlib.oauth2.rfc6749.grant_types import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    ImplicitGrant,
    RefreshTokenGrant,
)
from oauthlib.oauth2.rfc6749.grant_types.authorization_code import code_challenge_method_s256
from oauthlib.oauth2.rfc6749.tokens import BearerToken

from hosted_ui.oauth import issuing
from hosted_ui.oauth.validator import PoolValidator, check_parameters


class PoolServer(AuthorizationEndpoint, TokenEndpoint):
    """The four grants of the service; one object for all pools, as it keeps nothing."""

    def __init__(self) -> None:
        validator = PoolValidator()
        code, implicit = AuthorizationCodeGrant(validator), ImplicitGrant(validator)
        code._code_challenge_methods = {"S256": code_challenge_method_s256}
        for grant in (code, implicit):
            grant.custom_validators.pre_auth.append(check_parameters)
        bearer = BearerToken(
            validator,
            token_generator=issuing.access_token,
            expires_in=issuing.lifetime,
            refresh_token_generator=issuing.refresh_token,
        )
        AuthorizationEndpoint.__init__(
            self,
            default_response_type="code",
            default_token_type=bearer,
            response_types={"code": code, "token": implicit},
        )
        TokenEndpoint.__init__(
            self,
            default_grant_type="authorization_code",
            default_token_type=bearer,
            grant_types={
                "authorization_code": code,
                "client_credentials": ClientCredentialsGrant(validator),
                "refresh_token": RefreshTokenGrant(validator),
            },
        )


SERVER = PoolServer()
