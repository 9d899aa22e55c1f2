// The same environments as a program: `stigmer apply examples/shared-base/program.mjs --config releaseToken=…`, or
// without --config, which asks for the token.
import { Environment, run } from '@stigmer/sdk';

run((ctx) => {
  const base = new Environment(ctx, 'company-base', {
    description: 'What everybody builds on.',
    data: { REGION: 'eu-central-1', LOG_FORMAT: { value: 'json', final: true } },
  });
  new Environment(ctx, 'company-production', {
    description: 'What runs in production get.',
    imports: [base],
    data: {
      REGION: 'eu-west-1',
      RELEASE_TOKEN: { value: ctx.config.requireSecret('releaseToken'), expiresAt: '2036-01-31T00:00:00Z' },
    },
  });
});
