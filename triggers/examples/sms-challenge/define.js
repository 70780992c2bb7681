// Define auth challenge: one code by text message, three tries, then tokens.
const TRIES = 3;

exports.handler = async (event) => {
  const { session, userNotFound } = event.request;
  const last = session[session.length - 1];
  const { response } = event;
  response.issueTokens = false;
  response.failAuthentication = false;
  if (last && last.challengeName === "CUSTOM_CHALLENGE" && last.challengeResult && !userNotFound) {
    response.issueTokens = true;
  } else if (session.length >= TRIES) {
    response.failAuthentication = true;
  } else {
    // Unknown users are asked too, so that the answer tells nobody who is a user.
    response.challengeName = "CUSTOM_CHALLENGE";
  }
  return event;
};
