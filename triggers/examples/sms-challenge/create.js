// Create auth challenge: makes a code at the first try and keeps it for the later ones.
//
// SMS_URL: where texts are posted, as {"to": ..., "text": ...}; SMS_TOKEN: its bearer token.
// Without SMS_URL the text is printed, which `manage.py functions logs` shows.
const { randomInt } = require("node:crypto");

async function send(to, text) {
  if (!process.env.SMS_URL) {
    console.log(`To ${to}: ${text}`);
    return;
  }
  const answer = await fetch(process.env.SMS_URL, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Authorization: `Bearer ${process.env.SMS_TOKEN || ""}`,
    },
    body: JSON.stringify({ to, text }),
  });
  if (!answer.ok) throw new Error("The text message could not be sent");
}

exports.handler = async (event) => {
  const { session, userAttributes, userNotFound } = event.request;
  const number = userAttributes.phone_number || "";
  const earlier = session.map((each) => each.challengeMetadata || "").filter(Boolean).pop();
  const code = earlier ? earlier.replace("CODE-", "") : String(randomInt(1e6)).padStart(6, "0");
  if (!earlier && number && !userNotFound) {
    await send(number, `Your code is ${code}`);
  }
  // No digits of the number: unknown users have none, and the answer would tell who is a user.
  event.response.publicChallengeParameters = { medium: "SMS" };
  event.response.privateChallengeParameters = { answer: code };
  event.response.challengeMetadata = `CODE-${code}`;
  return event;
};
