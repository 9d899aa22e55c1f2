import { Agent, AgentInstance, Environment, run, secret, stdioServer } from '../../index';

run((ctx) => {
  const production = new Environment(ctx, 'github-prod', {
    data: { GITHUB_TOKEN: secret({ file: './token' }), GITHUB_ORG: ctx.config.require('githubOrg') },
  });
  const reviewer = new Agent(ctx, 'github-reviewer', {
    instructions: 'Review GitHub pull requests.',
    envSpec: {
      GITHUB_TOKEN: { isSecret: true, description: 'GitHub personal access token' },
      GITHUB_ORG: { description: 'GitHub organization name' },
    },
    mcpServers: [
      stdioServer('github', {
        command: 'npx',
        args: ['@modelcontextprotocol/server-github'],
        env: ['GITHUB_TOKEN'],
      }),
    ],
  });
  new AgentInstance(ctx, 'github-reviewer-prod', { agent: reviewer, environments: [production] });
});
