// Verify auth challenge response: compares the answer with the code.
const { timingSafeEqual } = require("node:crypto");

exports.handler = async (event) => {
  const expected = Buffer.from(event.request.privateChallengeParameters.answer || "");
  const given = Buffer.from(event.request.challengeAnswer || "");
  event.response.answerCorrect =
    expected.length > 0 && expected.length === given.length && timingSafeEqual(expected, given);
  return event;
};
