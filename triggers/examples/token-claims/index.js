// Pre token generation, version 1: adds claims to the ID token and takes one out.
exports.handler = function (event, context) {
  event.response = {
    claimsOverrideDetails: {
      claimsToAddOrOverride: {
        tier: event.request.userAttributes["custom:tier"] || "free",
        greeting: `Hello ${event.userName}`,
      },
      claimsToSuppress: ["phone_number"],
    },
  };
  context.done(null, event);
};
