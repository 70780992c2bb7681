// Verifies tokens with aws-jwt-verify and prints one JSON array of outcomes.
// Standard input: {"issuer", "jwksUri", "poolId", "clientId", "tokens": [{"token", "use", "verifier"}]}.
// "verifier" is "generic" (JwtVerifier, any issuer) or "cognito" (CognitoJwtVerifier, AWS's issuer).

import { readFileSync } from 'node:fs';
import { CognitoJwtVerifier, JwtVerifier } from 'aws-jwt-verify';
import { validateCognitoJwtFields } from 'aws-jwt-verify/cognito-verifier';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';

const input = JSON.parse(readFileSync(0, 'utf8'));

// The library's own fetcher speaks https alone; the key set of a server on loopback comes over http.
const fetcher = {
  async fetch(uri) {
    const address = uri.startsWith(input.issuer) ? uri : input.jwksUri;
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${address} answered ${response.status}`);
    return response.arrayBuffer();
  },
};

function verifier(kind, use) {
  const jwksCache = new SimpleJwksCache({ fetcher });
  if (kind === 'cognito') {
    return CognitoJwtVerifier.create(
      { userPoolId: input.poolId, clientId: input.clientId, tokenUse: use },
      { jwksCache },
    );
  }
  return JwtVerifier.create({
    issuer: input.issuer,
    jwksUri: input.jwksUri,
    audience: use === 'id' ? input.clientId : null,
    customJwtCheck: ({ payload }) =>
      validateCognitoJwtFields(payload, { tokenUse: use, clientId: input.clientId }),
  }, { jwksCache });
}

const outcomes = [];
for (const { token, use, verifier: kind = 'generic' } of input.tokens) {
  try {
    outcomes.push({ ok: await verifier(kind, use).verify(token) });
  } catch (error) {
    outcomes.push({ error: { code: error.constructor.name, message: error.message } });
  }
}
process.stdout.write(`${JSON.stringify(outcomes)}\n`);
