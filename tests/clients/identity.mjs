// Runs steps (steps.mjs) with amazon-cognito-identity-js: {"endpoint", "poolId", "clientId", "steps"}.
// A session lasts until the next sign-in.

import {
  AuthenticationDetails,
  CognitoUser,
  CognitoUserAttribute,
  CognitoUserPool,
} from 'amazon-cognito-identity-js';
import { createHmac } from 'node:crypto';
import { MemoryStorage, input, run } from './steps.mjs';

const storage = new MemoryStorage();
const pool = new CognitoUserPool({
  UserPoolId: input.poolId,
  ClientId: input.clientId,
  endpoint: input.endpoint,
  Storage: storage,
});
let user = null;
let secret = '';

// The code of an authenticator app that was given `secret`, so many steps of 30 seconds from now.
function appCode(drift) {
  const bits = [...secret]
    .map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  const seed = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + drift));
  const digest = createHmac('sha1', seed).update(step).digest();
  const number = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

const named = (username) => new CognitoUser({ Username: username, Pool: pool, Storage: storage });
const call = (run) => new Promise((resolve, reject) => {
  run((error, value) => (error ? reject(error) : resolve(value)));
});
const tokens = (session) => ({
  idToken: session.getIdToken().getJwtToken(),
  accessToken: session.getAccessToken().getJwtToken(),
  refreshToken: session.getRefreshToken().getToken(),
});

// The library hands one object of callbacks to every challenge; each becomes an outcome by its name.
const challenges = (resolve, reject) => ({
  onSuccess: (session) => resolve({ tokens: tokens(session), username: user.getUsername() }),
  onFailure: reject,
  newPasswordRequired: (userAttributes, requiredAttributes) =>
    resolve({ challenge: 'NEW_PASSWORD_REQUIRED', userAttributes, requiredAttributes }),
  mfaRequired: (name, parameters) => resolve({ challenge: name, parameters }),
  totpRequired: (name, parameters) => resolve({ challenge: name, parameters }),
  mfaSetup: (name, parameters) => resolve({ challenge: name, parameters }),
  customChallenge: (parameters) => resolve({ challenge: 'CUSTOM_CHALLENGE', parameters }),
});

const delivered = (start) => new Promise((resolve, reject) => {
  start({ onSuccess: resolve, inputVerificationCode: resolve, onFailure: reject });
});

const STEPS = {
  async signUp({ username, password, attributes = {} }) {
    const list = Object.entries(attributes)
      .map(([Name, Value]) => new CognitoUserAttribute({ Name, Value }));
    const result = await call((done) => pool.signUp(username, password, list, [], done));
    return {
      sub: result.userSub,
      confirmed: result.userConfirmed,
      delivery: result.codeDeliveryDetails ?? null,
    };
  },
  resend: ({ username }) => call((done) => named(username).resendConfirmationCode(done)),
  confirm: ({ username, code }) =>
    call((done) => named(username).confirmRegistration(code, false, done)),
  signIn({ username, password, flow = 'USER_SRP_AUTH' }) {
    user = named(username);
    user.setAuthenticationFlowType(flow);
    const details = new AuthenticationDetails({ Username: username, Password: password });
    return new Promise((resolve, reject) => {
      user.authenticateUser(details, challenges(resolve, reject));
    });
  },
  // CUSTOM_AUTH without a password; with one, it is `signIn` with that flow.
  customSignIn({ username }) {
    user = named(username);
    user.setAuthenticationFlowType('CUSTOM_AUTH');
    const details = new AuthenticationDetails({ Username: username });
    return new Promise((resolve, reject) => {
      user.initiateAuth(details, challenges(resolve, reject));
    });
  },
  answer: ({ answer }) => new Promise((resolve, reject) => {
    user.sendCustomChallengeAnswer(answer, challenges(resolve, reject));
  }),
  newPassword: ({ password, attributes = {} }) => new Promise((resolve, reject) => {
    user.completeNewPasswordChallenge(password, attributes, challenges(resolve, reject));
  }),
  associate: () => new Promise((resolve, reject) => {
    user.associateSoftwareToken({
      associateSecretCode: (code) => { secret = code; resolve(code.length); },
      onFailure: reject,
    });
  }),
  // In a sign-in this goes on with MFA_SETUP and answers its session, else SUCCESS.
  verifyApp: ({ drift = 0 }) => new Promise((resolve, reject) => {
    user.verifySoftwareToken(appCode(drift), 'phone', {
      onSuccess: (result) => resolve(result.getIdToken ? { tokens: tokens(result) } : result.Status),
      onFailure: reject,
    });
  }),
  preferApp: () => call((done) => user.setUserMfaPreference(
    null, { PreferredMfa: true, Enabled: true }, done,
  )),
  appCode: ({ drift = 0 }) => new Promise((resolve, reject) => {
    user.sendMFACode(appCode(drift), challenges(resolve, reject), 'SOFTWARE_TOKEN_MFA');
  }),
  smsCode: ({ code }) => new Promise((resolve, reject) => {
    user.sendMFACode(code, challenges(resolve, reject));
  }),
  async refresh() {
    const session = user.getSignInUserSession();
    return tokens(await call((done) => user.refreshSession(session.getRefreshToken(), done)));
  },
  // The library confirms a new device by itself, and proves a remembered one at the next sign-in.
  device: () => new Promise((resolve, reject) => {
    user.getDevice({ onSuccess: resolve, onFailure: reject });
  }),
  devices: () => new Promise((resolve, reject) => {
    user.listDevices(60, null, { onSuccess: resolve, onFailure: reject });
  }),
  rememberDevice: () => new Promise((resolve, reject) => {
    user.setDeviceStatusRemembered({ onSuccess: resolve, onFailure: reject });
  }),
  // Of the server alone: the library goes on to name it.
  forgetDevice: () => new Promise((resolve, reject) => {
    user.forgetSpecificDevice(user.deviceKey, { onSuccess: resolve, onFailure: reject });
  }),
  attributes: () => call((done) => user.getUserAttributes(done)),
  updateAttributes: ({ attributes }) => call((done) => user.updateAttributes(
    Object.entries(attributes).map(([Name, Value]) => new CognitoUserAttribute({ Name, Value })),
    (error, value, details) => done(error, { value, details }),
  )),
  deleteAttributes: ({ names }) => call((done) => user.deleteAttributes(names, done)),
  attributeCode: ({ name }) =>
    delivered((handlers) => user.getAttributeVerificationCode(name, handlers)),
  verifyAttribute: ({ name, code }) =>
    delivered((handlers) => user.verifyAttribute(name, code, handlers)),
  changePassword: ({ from, to }) => call((done) => user.changePassword(from, to, done)),
  forgotPassword: ({ username }) =>
    delivered((handlers) => named(username).forgotPassword(handlers)),
  confirmPassword: ({ username, code, password }) =>
    delivered((handlers) => named(username).confirmPassword(code, password, handlers)),
  deleteUser: () => call((done) => user.deleteUser(done)),
  userData: () => call((done) => user.getUserData(done, { bypassCache: true })),
  globalSignOut: () => new Promise((resolve, reject) => {
    // globalSignOut forgets the session; the journey needs it to see the token refused.
    const session = user.getSignInUserSession();
    user.globalSignOut({
      onSuccess: (message) => { user.setSignInUserSession(session); resolve(message); },
      onFailure: reject,
    });
  }),
  // signOut with a callback revokes the refresh token before it forgets the session.
  revoke: () => new Promise((resolve, reject) => {
    user.signOut((error) => (error ? reject(error) : resolve('revoked')));
  }),
};

await run(STEPS);
