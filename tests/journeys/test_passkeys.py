"""The story of somebody who registers a passkey and signs in with it, in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.loopback import http_server

from .browser import Browser, chromium
from .conftest import PASSWORD, Story

pytestmark = [pytest.mark.journey, pytest.mark.client]

# What an application's page does: calls of the API, and the browser's own JSON of credentials.
PAGE = b"""<!doctype html><title>app</title><script>
async function call(endpoint, operation, body) {
  const answer = await fetch(endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": `AWSCognitoIdentityProviderService.${operation}`,
    },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(`${said.__type}: ${said.message}`);
  return said;
}

async function register(endpoint, token) {
  const begun = await call(endpoint, "StartWebAuthnRegistration", { AccessToken: token });
  const publicKey =
    PublicKeyCredential.parseCreationOptionsFromJSON(begun.CredentialCreationOptions);
  const credential = await navigator.credentials.create({ publicKey });
  await call(endpoint, "CompleteWebAuthnRegistration",
    { AccessToken: token, Credential: credential.toJSON() });
  return credential.id;
}

async function signIn(endpoint, client, username) {
  const begun = await call(endpoint, "InitiateAuth", {
    ClientId: client,
    AuthFlow: "USER_AUTH",
    AuthParameters: { USERNAME: username, PREFERRED_CHALLENGE: "WEB_AUTHN" },
  });
  const options = JSON.parse(begun.ChallengeParameters.CREDENTIAL_REQUEST_OPTIONS);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = await navigator.credentials.get({ publicKey });
  return call(endpoint, "RespondToAuthChallenge", {
    ClientId: client,
    ChallengeName: begun.ChallengeName,
    Session: begun.Session,
    ChallengeResponses: { USERNAME: username, CREDENTIAL: JSON.stringify(credential.toJSON()) },
  });
}

async function outcome(work) {
  try { return { ok: await work }; } catch (error) { return { error: String(error) }; }
}
</script>"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with http_server() as app, chromium(tmp_path_factory.mktemp("browser")) as browser:
        app.headers = {"Content-Type": "text/html; charset=utf-8"}
        app.body = PAGE
        # A name that browsers trust without TLS; no address can be a relying party id.
        browser.open(app.url.replace("127.0.0.1", "localhost"))
        yield browser


@pytest.fixture
def authenticator(browser: Browser) -> Iterator[str]:
    added = browser.add_authenticator()
    yield added
    browser.remove_authenticator(added)


def use_passkeys(story: Story, rp_id: str = "localhost", **settings: str) -> str:
    """Let the story's users sign in with passkeys; return an app client for it."""
    pool = story.idp.describe_user_pool(UserPoolId=story.pool_id)["UserPool"]
    first = {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}
    story.idp.update_user_pool(
        UserPoolId=story.pool_id, Policies={**pool["Policies"], "SignInPolicy": first}
    )
    story.idp.set_user_pool_mfa_config(
        UserPoolId=story.pool_id, WebAuthnConfiguration={"RelyingPartyId": rp_id, **settings}
    )
    return str(story.client_with(ExplicitAuthFlows=["ALLOW_USER_AUTH"])["ClientId"])


def outcome(browser: Browser, call: str, *arguments: Any) -> dict[str, Any]:
    return dict(browser.run(f"return outcome({call}(...arguments[0]))", list(arguments)))


@pytest.mark.usefixtures("authenticator")
def test_a_browser_registers_a_passkey_and_signs_in_with_it(story: Story, browser: Browser) -> None:
    client_id = use_passkeys(story)
    username = story.user()
    endpoint, token = f"{story.server.url}/", story.sign_in(username)["AccessToken"]

    made = outcome(browser, "register", endpoint, token)
    (kept,) = story.idp.list_web_authn_credentials(AccessToken=token)["Credentials"]
    assert kept["CredentialId"] == made["ok"]
    assert kept["FriendlyCredentialName"] == "Platform passkey"
    again = outcome(browser, "register", endpoint, token)
    assert "InvalidStateError" in again["error"]  # the browser heeds excludeCredentials

    for _ in range(2):  # the authenticator counts
        signed_in = outcome(browser, "signIn", endpoint, client_id, username)
        mine = signed_in["ok"]["AuthenticationResult"]["AccessToken"]
        assert story.idp.get_user(AccessToken=mine)["Username"] == username

    story.idp.delete_web_authn_credential(AccessToken=token, CredentialId=made["ok"])
    assert "error" in outcome(browser, "signIn", endpoint, client_id, username)


def test_a_browser_that_did_not_verify_the_user_does_not_sign_in(
    story: Story, browser: Browser, authenticator: str
) -> None:
    client_id = use_passkeys(story)
    username = story.user()
    endpoint, token = f"{story.server.url}/", story.sign_in(username)["AccessToken"]
    assert "ok" in outcome(browser, "register", endpoint, token)

    use_passkeys(story, UserVerification="required")
    browser.set_verified(authenticator, is_verified=False)
    refused = outcome(browser, "signIn", endpoint, client_id, username)
    assert "NotAllowedError" in refused["error"]  # the browser heeds userVerification
    browser.set_verified(authenticator, is_verified=True)
    assert "ok" in outcome(browser, "signIn", endpoint, client_id, username)


@pytest.mark.usefixtures("authenticator")
def test_a_page_of_another_site_registers_nothing(story: Story, browser: Browser) -> None:
    use_passkeys(story, rp_id="example.com")
    token = story.sign_in(story.user(), PASSWORD)["AccessToken"]
    refused = outcome(browser, "register", f"{story.server.url}/", token)
    assert "SecurityError" in refused["error"]
