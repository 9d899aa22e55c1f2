import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notFound } from '@stigmer/domain';
import { SessionQueryController } from '@stigmer/proto/agentic/session/v1/query';
import { run } from '../program';
import { FakeServer } from '../testing/fake-server';
import { FakeStigmer } from '../testing/fake-stigmer';
import { memoryIo } from '../testing/memory-io';

const SECRET = 'ghp_planx0123456789abcdefghijklmnopqrs';

describe('stigmer apply', () => {
  let folder: string;
  let server: FakeServer;
  let stigmer: FakeStigmer;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stigmer-cli-'));
    stigmer = new FakeStigmer();
    server = await stigmer
      .on(new FakeServer())
      .serve(SessionQueryController, {
        get: ({ value }) => Promise.reject(notFound('Session', value)),
      })
      .listen();
  });
  afterEach(async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function cli(args: readonly string[], input?: string) {
    const io = memoryIo({ input: input ?? '' });
    const code = await run(['--address', server.address, ...args], io);
    return { code, ...io.written };
  }
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  };

  it('creates what a folder describes in dependency order, and says what is new, changed and unchanged', async () => {
    await file('a-instance.yaml', INSTANCE);
    await file('b-agent.yaml', AGENT);
    await file('c-environment.yaml', ENVIRONMENT);
    const first = await cli(['apply', folder]);
    expect(first).toEqual({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(
        /Environment +github-prod +created\nAgent +github-reviewer +created\nAgentInstance +github-reviewer-prod +created\n/,
      ),
    });
    const path = await file('c-environment.yaml', ENVIRONMENT.replace('my-org', 'our-org'));
    expect((await cli(['apply', '-f', path])).stdout).toMatch(/github-prod +changed/);
    expect((await cli(['apply', path])).stdout).toMatch(/github-prod +unchanged/);
  });

  it('reads the standard input and prints JSON', async () => {
    const { code, stdout } = await cli(['apply', '-', '--output', 'json'], ENVIRONMENT);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      resources: [
        { kind: 'Environment', name: 'github-prod', id: expect.stringMatching(/^env-/), result: 'created' },
      ],
    });
  });

  it('writes nothing while one of the files has an error, and lists the errors of all of them', async () => {
    const good = await file('good.yaml', ENVIRONMENT);
    const bad = await file('bad.yaml', AGENT.replace('instructions:', 'instrctions:'));
    const { code, stderr } = await cli(['apply', good, bad]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${bad}:6:3: spec.instrctions: unknown field; did you mean "instructions"?`);
    expect(stigmer.environments.size).toBe(0);
  });

  it('shows what the server refuses at its place in the file, and still writes the others', async () => {
    const path = await file('all.yaml', [AGENT, INSTANCE].join('---\n'));
    const { code, stdout, stderr } = await cli(['apply', path]);
    expect(code).toBe(4);
    expect(stdout).toMatch(/Agent +github-reviewer +created\nAgentInstance +github-reviewer-prod +failed/);
    expect(stderr).toContain(
      `${path}:15:7: spec.environment_refs[0]: Environment not found: env-github-prod`,
    );
  });

  it('shows what a dry run would change by field, asks instead of writing, and shows no secret', async () => {
    const path = await file('environment.yaml', ENVIRONMENT);
    expect((await cli(['apply', path, '--dry-run'])).stdout).toMatch(/would be created/);
    expect(stigmer.environments.size).toBe(0);
    await cli(['apply', path]);
    await file('environment.yaml', ENVIRONMENT.replace('my-org', 'our-org'));
    const { code, stdout, stderr } = await cli(['apply', path, '--dry-run']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('~ spec.data.GITHUB_ORG.value');
    expect(stdout).toContain('? spec.data.GITHUB_TOKEN.value');
    expect(stdout).not.toContain(SECRET);
  });

  it('finds nothing changed where the server stored an id for a name', async () => {
    const path = await file('all.yaml', [ENVIRONMENT, AGENT, INSTANCE].join('---\n'));
    await cli(['apply', path]);
    expect((await cli(['apply', path, '--dry-run'])).stdout).toMatch(
      /AgentInstance +github-reviewer-prod +unchanged/,
    );
  });

  it('applies what get printed, and neither destroys nor shows the secret', async () => {
    await cli(['apply', '-'], ENVIRONMENT);
    const { stdout } = await cli(['get', 'environment', 'github-prod', '-o', 'yaml']);
    expect(stdout).not.toContain(SECRET);
    expect(stdout).toContain('value: "********"');
    const { stdout: result } = await cli(['apply', '-', '--dry-run'], stdout);
    expect(result).toMatch(/github-prod +unchanged/);
  });

  it('names weak secrets, as execute does, and shows none of them', async () => {
    const weak = `${ENVIRONMENT}    PIN:\n      value: "74831"\n      is_secret: true\n    KEPT:\n      value: "********"\n      is_secret: true\n`;
    for (const flags of [['--dry-run'], []]) {
      const { code, stdout, stderr } = await cli(['apply', '-', ...flags], weak);
      expect(code).toBe(0);
      expect(stderr).toMatch(/^warning: Environment github-prod: PIN is a weak secret: [^\n]*\n$/);
      expect(stdout + stderr).not.toContain('74831');
    }
  });

  it('shows in a dry run the references that lead nowhere, at their places, with the exit code of the write', async () => {
    const path = await file('all.yaml', [INSTANCE, SESSION].join('---\n'));
    const { code, stdout, stderr } = await cli(['apply', path, '--dry-run']);
    expect(code).toBe(4);
    expect(stdout).toMatch(
      /AgentInstance +github-reviewer-prod +would fail\nSession +talk +would be created\n/,
    );
    expect(stderr).toContain(`${path}:6:3: spec.agent_id: Agent not found: agt-github-reviewer`);
    expect(stderr).toContain(`${path}:8:7: spec.environment_refs[0]: Environment not found: env-github-prod`);
    const alone = await cli(['apply', '-', '--dry-run'], SESSION);
    expect(alone).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(
        'spec.agent_instance_id: AgentInstance not found: github-reviewer-prod',
      ),
    });
  });

  it('counts in a dry run what the same run creates, and what the server has', async () => {
    const all = [SESSION, INSTANCE, AGENT, ENVIRONMENT, DEFAULT_SESSION].join('---\n');
    expect((await cli(['apply', '-', '--dry-run'], all)).code).toBe(0);
    await cli(['apply', '-'], [ENVIRONMENT, AGENT].join('---\n'));
    expect((await cli(['apply', '-', '--dry-run'], INSTANCE)).stdout).toMatch(/would be created/);
    const elsewhere = INSTANCE.replace('- id: env-github-prod', '- { slug: github-prod, org: elsewhere }');
    expect((await cli(['apply', '-', '--dry-run'], elsewhere)).code).toBe(4);
  });

  it('refuses a resource that is described twice', async () => {
    const { code, stderr } = await cli(['apply', '-'], `${ENVIRONMENT}---\n${ENVIRONMENT}`);
    expect(code).toBe(2);
    expect(stderr).toContain('<stdin>:13:1: describes the same Environment as <stdin>:1');
  });

  it('says how to reach the server when there is none', async () => {
    server.close();
    const { code, stderr } = await cli(['apply', '-'], ENVIRONMENT);
    expect(code).toBe(6);
    expect(stderr).toContain('stigmer server start');
  });

  it('says what is missing when nothing is given', async () => {
    expect((await cli(['apply'])).code).toBe(2);
    expect((await cli(['apply', join(folder, 'none.yaml')])).stderr).toContain('there is no such file');
  });
});

const ENVIRONMENT = `apiVersion: ai.stigmer.agentic/v1
kind: Environment
metadata:
  name: github-prod
spec:
  data:
    GITHUB_TOKEN:
      value: "${SECRET}"
      is_secret: true
    GITHUB_ORG:
      value: "my-org"
`;
const AGENT = `apiVersion: agentic.stigmer.ai/v1
kind: Agent
metadata:
  name: github-reviewer
spec:
  instructions: Review GitHub pull requests with care.
`;
const INSTANCE = `apiVersion: ai.stigmer.agentic/v1
kind: AgentInstance
metadata:
  name: github-reviewer-prod
spec:
  agent_id: agt-github-reviewer
  environment_refs:
    - id: env-github-prod
`;
const SESSION = `apiVersion: agentic.stigmer.ai/v1
kind: Session
metadata: { name: talk }
spec: { agent_instance_id: github-reviewer-prod }
`;
const DEFAULT_SESSION = `apiVersion: agentic.stigmer.ai/v1
kind: Session
metadata: { name: default-talk }
spec: { agent_instance_id: github-reviewer-default }
`;
