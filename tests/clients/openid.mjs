// A relying party with openid-client: discovery, code with PKCE, refresh, userinfo, revocation.
// Standard input: {"issuer", "clientId", "clientSecret", "redirectUri", "username", "password", "scope"}.
// The person's part is a browser without scripts: cookies, redirects, and the page's form as it is.

import { readFileSync } from 'node:fs';
import * as client from 'openid-client';

const input = JSON.parse(readFileSync(0, 'utf8'));
const cookies = new Map();

async function browse(url, options = {}) {
  const headers = { ...options.headers, cookie: [...cookies].map((pair) => pair.join('=')).join('; ') };
  const response = await fetch(url, { ...options, headers, redirect: 'manual' });
  for (const cookie of response.headers.getSetCookie()) {
    const [name, value] = cookie.split(';')[0].split(/=(.*)/s);
    cookies.set(name, value);
  }
  const location = response.headers.get('location');
  if (!location) return { url, page: await response.text() };
  if (location.startsWith(input.redirectUri)) return { url: location };
  return browse(new URL(location, url).href);
}

const unescape = (text) =>
  text.replaceAll('&quot;', '"').replaceAll('&#x27;', "'").replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>').replaceAll('&amp;', '&');

async function signIn(url) {
  const { page, url: at } = await browse(url);
  if (page === undefined) return at;
  const form = new URLSearchParams();
  for (const [tag] of page.matchAll(/<input[^>]*>/g)) {
    const attribute = (name) => unescape(tag.match(new RegExp(` ${name}="([^"]*)"`))?.[1] ?? '');
    const typed = { username: input.username, password: input.password };
    form.set(attribute('name'), typed[attribute('name')] ?? attribute('value'));
  }
  const action = unescape(page.match(/<form[^>]* action="([^"]*)"/)[1]);
  const origin = new URL(action).origin;
  const answer = await browse(action, { method: 'POST', body: form, headers: { origin } });
  return answer.url;
}

const authentication = input.clientSecret
  ? client.ClientSecretBasic(input.clientSecret)
  : client.None();
const config = await client.discovery(
  new URL(input.issuer), input.clientId, {}, authentication,
  { execute: [client.allowInsecureRequests] },
);

async function authorize(extra) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const checks = {
    pkceCodeVerifier,
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  };
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: input.redirectUri,
    scope: input.scope,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...extra,
  });
  return client.authorizationCodeGrant(config, new URL(await signIn(url.href)), checks);
}

const tokens = await authorize({});
const claims = tokens.claims();
const userInfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
const silent = await authorize({ prompt: 'none' });
await client.tokenRevocation(config, tokens.refresh_token);
let afterRevocation = '';
try {
  await client.refreshTokenGrant(config, tokens.refresh_token);
} catch (error) {
  afterRevocation = error.error;
}
console.log(JSON.stringify([{
  claims,
  userInfo,
  refreshed: refreshed.claims(),
  silent: silent.claims(),
  tokenType: tokens.token_type,
  expiresIn: tokens.expiresIn(),
  afterRevocation,
}]));
