import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { theStack } from './stack';
import { succeeded } from './stigmer';

/** The commands of the plan this system comes from, as its Parts 4 and 6 write them. */
describe('the plan, as written', () => {
  const stack = theStack();
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stigmer-plan-'));
    await writeFile(join(folder, 'my-agent.ts'), agentProgram);
    await writeFile(join(folder, 'env-prod.yaml'), environment);
    await writeFile(join(folder, 'instance.yaml'), instance);
    await writeFile(join(folder, 'wf-deploy.yaml'), workflow);
    await writeFile(
      join(folder, 'runtime.env'),
      '# for one run\nGITHUB_ORG=from-file\nGITHUB_TOKEN="ghp_file0123456789abcdefghijklmnopqrstuv"\n',
    );
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const run = async (line: string, input?: string) => {
    const outcome = await stack.stigmer(words(line), {
      cwd: folder,
      ...(input === undefined ? {} : { input }),
    });
    return succeeded(outcome, line);
  };

  it('applies the agent template, the environment and the instance', async () => {
    await run('apply ./my-agent.ts');
    await run('apply ./env-prod.yaml');
    await run('apply ./instance.yaml');
    expect((await run('apply ./env-prod.yaml')).stdout).toContain('unchanged');
  });

  it('executes the agent with the runtime override of Part 6', async () => {
    const { stderr } = await run(
      'agent execute agt-github-reviewer --message "Review PR #123" --env GITHUB_ORG=other-org',
    );
    expect(stderr).toContain('instance github-reviewer-prod');
    expect(stderr).toMatch(/^completed$/m);
  });

  it('executes the agent with every flag of Part 4', async () => {
    await run(
      'agent execute agt-github-reviewer --message "Review PR #123" --env LOG_LEVEL=debug --env REPO=my-org/my-repo --secret GITHUB_TOKEN=ghp_xxx0123456789',
    );
    await run('agent execute agt-github-reviewer --message "Review PR #123" --env-file ./runtime.env');
  });

  it('fails at once when a secret is to be prompted for and there is no terminal', async () => {
    const outcome = await stack.stigmer(
      words('agent execute agt-github-reviewer --message "Review PR #123" --secret GITHUB_TOKEN'),
      { cwd: folder },
    );
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toContain('GITHUB_TOKEN');
  });

  it('executes the workflow of Part 4', async () => {
    await run('apply wf-deploy.yaml');
    const { stdout, stderr } = await run(
      'workflow execute wf-deploy --trigger "Deploy to production" --env ENVIRONMENT=prod --secret AWS_ACCESS_KEY=AKIAIOSFODNN7EXAMPLE --secret AWS_SECRET_KEY=-',
      'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\n',
    );
    expect(stderr).toMatch(/^completed$/m);
    expect(stdout + stderr).not.toMatch(/AKIAIOSFODNN7EXAMPLE|wJalrXUtnFEMI/);
  });

  it('leaves the environment’s secret encrypted in the database', async () => {
    const documents = await stack.documents('stigmer_environments');
    const text = JSON.stringify(documents);
    expect(text).toContain('enc:v2:');
    expect(text).not.toContain(await readFile(join(folder, 'env-prod.yaml'), 'utf8').then(secretOf));
  });
});

const words = (line: string): readonly string[] =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
const secretOf = (yaml: string): string =>
  /value: "(ghp_[^"]+)"/.exec(yaml)?.[1] ?? 'no secret found in the file';

const agentProgram = `import { Agent, run, stdioServer } from '@stigmer/sdk';

run((ctx) => {
  new Agent(ctx, 'github-reviewer', {
    instructions: 'Review GitHub pull requests with care.',
    envSpec: {
      GITHUB_TOKEN: { isSecret: true, description: 'GitHub personal access token' },
      GITHUB_ORG: { description: 'GitHub organization name' },
    },
    mcpServers: [stdioServer('github', { command: 'mcp-server-everything', env: ['GITHUB_TOKEN'] })],
  });
});
`;

const environment = `apiVersion: ai.stigmer.agentic/v1
kind: Environment
metadata:
  name: github-prod
spec:
  data:
    GITHUB_TOKEN:
      value: "ghp_planx0123456789abcdefghijklmnopqrs"
      is_secret: true
    GITHUB_ORG:
      value: "my-org"
      is_secret: false
`;

const instance = `apiVersion: ai.stigmer.agentic/v1
kind: AgentInstance
metadata:
  name: github-reviewer-prod
spec:
  agent_id: agt-github-reviewer
  environment_refs:
    - id: env-github-prod
`;

const workflow = `apiVersion: ai.stigmer.agentic/v1
kind: Workflow
metadata:
  name: wf-deploy
spec:
  document: { dsl: 1.0.0, namespace: plan, name: wf-deploy, version: 1.0.0 }
  env_spec:
    data:
      ENVIRONMENT: {}
      AWS_ACCESS_KEY: { is_secret: true }
      AWS_SECRET_KEY: { is_secret: true }
  tasks:
    - name: tell
      kind: SET
      task_config:
        variables:
          message: "\${ .trigger.message }"
`;
