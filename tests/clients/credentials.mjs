// Gets credentials as an application does, with @aws-sdk/credential-providers, and says who they
// are with @aws-sdk/client-sts. Input: {"endpoint", "region", "poolId", "logins", "customRoleArn"}.

import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { fromCognitoIdentityPool } from '@aws-sdk/credential-providers';
import { readFileSync } from 'node:fs';

const input = JSON.parse(readFileSync(0, 'utf8'));
const { endpoint, region } = input;

const outcomes = [];
for (const step of input.steps) {
  try {
    const credentials = await fromCognitoIdentityPool({
      clientConfig: { endpoint, region, maxAttempts: 1 },
      identityPoolId: input.poolId,
      logins: step.logins,
      customRoleArn: step.customRoleArn,
    })();
    const sts = new STSClient({ endpoint, region, credentials, maxAttempts: 1 });
    const { Arn: arn } = await sts.send(new GetCallerIdentityCommand({}));
    outcomes.push({
      ok: {
        arn,
        identityId: credentials.identityId,
        accessKeyId: credentials.accessKeyId,
        expiration: credentials.expiration.toISOString(),
      },
    });
  } catch (error) {
    outcomes.push({ error: { code: error.name, message: error.message } });
  }
}
process.stdout.write(JSON.stringify(outcomes));
