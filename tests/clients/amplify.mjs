// Runs steps (steps.mjs) with aws-amplify as a browser application would; a step is a function of
// aws-amplify/auth with its argument, `session`, or `credentials`: {"endpoint", "poolId", "clientId",
// "steps"}, and "identityPoolId" where credentials are wanted.

import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { cognitoUserPoolsTokenProvider } from 'aws-amplify/auth/cognito';
import { MemoryStorage, input, run } from './steps.mjs';

// Amplify names the device by it, and a device without a name is not confirmed. Node.js has none
// before version 21.
globalThis.navigator ??= { userAgent: 'Node.js' };

Amplify.configure({
  Auth: {
    Cognito: {
      userPoolId: input.poolId,
      userPoolClientId: input.clientId,
      userPoolEndpoint: input.endpoint,
      ...(input.identityPoolId && {
        identityPoolId: input.identityPoolId,
        identityPoolEndpoint: input.endpoint,
        allowGuestAccess: true,
      }),
    },
  },
});
cognitoUserPoolsTokenProvider.setKeyValueStorage(new MemoryStorage());

const session = async (options) => {
  const { tokens } = await auth.fetchAuthSession(options);
  return tokens
    ? { idToken: tokens.idToken.toString(), accessToken: tokens.accessToken.toString() }
    : null;
};

// It is another function once somebody has signed up.
const autoSignIn = () => auth.autoSignIn();

const credentials = async () => {
  const { credentials: found, identityId } = await auth.fetchAuthSession();
  return found
    ? { identityId, accessKeyId: found.accessKeyId, expiration: found.expiration }
    : null;
};

await run({ ...auth, session, autoSignIn, credentials });
