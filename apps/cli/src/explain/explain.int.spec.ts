import { create } from '@bufbuild/protobuf';
import { ExplanationSchema, Layer, Severity, type ResolveInput } from '@stigmer/proto/agentic/resolver/v1/io';
import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import { run } from '../program';
import { FakeServer } from '../testing/fake-server';
import { FakeStigmer } from '../testing/fake-stigmer';
import { memoryIo } from '../testing/memory-io';

describe('stigmer explain', () => {
  let server: FakeServer;
  let asked: ResolveInput[];
  let explanation = create(ExplanationSchema);

  beforeEach(async () => {
    asked = [];
    explanation = create(ExplanationSchema, {
      variables: {
        LOG: {
          value: 'info',
          origin: { layer: Layer.ENVIRONMENT, environmentSlug: 'team' },
          shadowed: [{ layer: Layer.ENVIRONMENT, environmentSlug: 'base' }, { layer: Layer.TEMPLATE }],
        },
        TOKEN: { value: 'leaked-by-a-broken-server', isSecret: true, origin: { layer: Layer.RUNTIME } },
      },
    });
    server = await new FakeStigmer()
      .on(new FakeServer())
      .serve(ResolverQueryController, {
        explain: (input) => {
          asked.push(input);
          return Promise.resolve(explanation);
        },
      })
      .listen();
    await cli(['apply', '-'], RESOURCES);
  });
  afterEach(() => {
    server.close();
  });

  async function cli(args: readonly string[], input = '') {
    const io = memoryIo({ input });
    const code = await run(['--address', server.address, ...args], io);
    return { code, ...io.written };
  }

  it('shows each variable with its origin and what it shadows, secrets masked whatever the server sends', async () => {
    const { code, stdout } = await cli(['explain', 'workflow', 'deploy']);
    expect(code).toBe(0);
    expect(stdout).toBe(
      'VARIABLE  VALUE     FROM              SHADOWS\n' +
        'LOG       info      environment team  environment base, template\n' +
        'TOKEN     ********  this command\n',
    );
  });

  it('shows which imports lead to a value, that it is final and when it expires, where there is such a thing', async () => {
    explanation = create(ExplanationSchema, {
      variables: {
        LOG: { value: 'info', origin: { layer: Layer.TEMPLATE } },
        REGION: {
          value: 'eu',
          origin: { layer: Layer.ENVIRONMENT, environmentSlug: 'base', via: ['production', 'shared'] },
          final: true,
          expiresAt: { seconds: 1_780_000_000n },
        },
      },
    });
    expect((await cli(['explain', 'workflow', 'deploy'])).stdout).toBe(
      'VARIABLE  VALUE  FROM                                        FINAL  EXPIRES               SHADOWS\n' +
        'LOG       info   template\n' +
        'REGION    eu     environment base (via production → shared)  yes    2026-05-28T20:26:40Z\n',
    );
  });

  it('says which environments the instance pins to a version', async () => {
    expect((await cli(['explain', 'workflow', 'deploy'])).stderr).toBe('instance deploy-prod\n');
    await cli(['apply', '-'], PINNING);
    expect((await cli(['explain', 'workflow', 'deploy'])).stderr).toBe(
      'instance deploy-prod\npinned: base@3, team@stable\n',
    );
  });

  it('shows no control character of a version that somebody else wrote', async () => {
    await cli(['apply', '-'], PINNING.replace('[base@3, team@stable]', '["base@\\e[2J3"]'));
    expect((await cli(['explain', 'workflow', 'deploy'])).stderr).toBe(
      'instance deploy-prod\npinned: base@[2J3\n',
    );
  });

  it('asks about the template with the instance’s environments, and withholds every secret', async () => {
    await cli([
      'explain',
      'deploy',
      '--secret',
      'TOKEN',
      '-e',
      'API_KEY=0123456789abcdef',
      '-e',
      'LOG=debug',
    ]);
    expect(asked[0]).toMatchObject({
      org: 'default',
      template: {
        kind: 'Workflow',
        name: 'deploy',
        variableUses: [
          { location: 'tasks[0] notify: endpoint.uri', name: 'URL', secret: false },
          { location: 'tasks[0] notify: headers.Authorization', name: 'TOKEN', secret: true },
        ],
        mcpServers: [{ name: 'everything' }],
      },
      environmentRefs: [{ slug: 'base' }, { slug: 'team' }],
    });
    expect(asked[0]?.runtimeEnv).toMatchObject({
      TOKEN: { value: '', isSecret: true },
      API_KEY: { value: '', isSecret: true },
      LOG: { value: 'debug', isSecret: false },
    });
  });

  it('explains an agent by its name alone, by its kind and by its instance', async () => {
    for (const words of [['reviewer'], ['agent', 'reviewer'], ['agt-reviewer'], ['ain-reviewer-prod']]) {
      expect((await cli(['explain', ...words])).code).toBe(0);
    }
    expect(asked.map(({ template }) => template?.kind)).toEqual(['Agent', 'Agent', 'Agent', 'Agent']);
    expect(asked.at(-1)?.template?.mcpServers).toMatchObject([{ name: 'github' }]);
  });

  it('lists every finding with its place and hint, and ends with 4 where one of them is an error', async () => {
    explanation.diagnostics.push(
      ...create(ExplanationSchema, {
        diagnostics: [
          { severity: Severity.WARNING, message: 'TOKEN is weak' },
          {
            severity: Severity.ERROR,
            server: 'github',
            field: 'env_placeholders.T',
            message: 'unknown variable TOKN',
            hint: 'did you mean TOKEN?',
          },
        ],
      }).diagnostics,
    );
    const { code, stdout } = await cli(['explain', 'agent', 'reviewer']);
    expect(code).toBe(4);
    expect(stdout).toContain(
      'warning: TOKEN is weak\nerror: github env_placeholders.T: unknown variable TOKN\n  did you mean TOKEN?\n',
    );
    expect(JSON.parse((await cli(['explain', 'agent', 'reviewer', '-o', 'json'])).stdout)).toMatchObject({
      diagnostics: [{}, { server: 'github' }],
    });
  });

  it('says what it does not find, and what it cannot explain', async () => {
    expect(await cli(['explain', 'nobody'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('no agent and no workflow found: nobody'),
    });
    expect(await cli(['explain', 'environment', 'base'])).toMatchObject({ code: 2 });
  });
});

const RESOURCES = `
apiVersion: agentic.stigmer.ai/v1
kind: Environment
metadata: { name: base }
---
apiVersion: agentic.stigmer.ai/v1
kind: Environment
metadata: { name: team }
---
apiVersion: agentic.stigmer.ai/v1
kind: Workflow
metadata: { name: deploy }
spec:
  tasks:
    - name: notify
      kind: HTTP_CALL
      task_config:
        method: POST
        endpoint: { uri: "\${ .env_vars.URL }" }
        headers: { Authorization: "Bearer \${.secrets.TOKEN}", X: "$\${.secrets.NOT}" }
    - name: look
      kind: CALL_ACTIVITY
      task_config:
        activity: mcp/call-tool
        input: { server: { name: everything, stdio: { command: x, env_placeholders: { T: "\${TOKEN}" } } }, tool: get-env, arguments: {} }
---
apiVersion: agentic.stigmer.ai/v1
kind: WorkflowInstance
metadata: { name: deploy-prod }
spec: { workflow_id: deploy, env_refs: [base, team] }
---
apiVersion: agentic.stigmer.ai/v1
kind: Agent
metadata: { name: reviewer }
spec: { instructions: Review with care., mcp_servers: [{ name: github, stdio: { command: x } }] }
---
apiVersion: agentic.stigmer.ai/v1
kind: AgentInstance
metadata: { name: reviewer-prod }
spec: { agent_id: reviewer }
`;

const PINNING = `
apiVersion: agentic.stigmer.ai/v1
kind: WorkflowInstance
metadata: { name: deploy-prod }
spec: { workflow_id: deploy, env_refs: [base@3, team@stable] }
`;
