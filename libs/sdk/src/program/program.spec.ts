import { inspect } from 'node:util';
import { join } from 'node:path';
import { type JsonObject, toJson } from '@bufbuild/protobuf';
import { createValidator } from '@bufbuild/protovalidate';
import { DomainError } from '@stigmer/domain';
import { AgentSchema } from '@stigmer/proto/agentic/agent/v1/api';
import { AgentInstanceSchema } from '@stigmer/proto/agentic/agentinstance/v1/api';
import { EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import { WorkflowSchema } from '@stigmer/proto/agentic/workflow/v1/api';
import { WorkflowInstanceSchema } from '@stigmer/proto/agentic/workflowinstance/v1/api';
import { Agent, AgentInstance } from './agent';
import { Environment } from './environment';
import { httpServer, stdioServer } from './mcp-server';
import { collect, type CollectOptions, loadProgram, type Program, run } from './program';
import type { ResourceMessage } from './resource';
import { secret } from './secret';
import { Workflow, WorkflowInstance } from './workflow';

const programs = join(__dirname, '../testing/programs');

function options(overrides: Partial<CollectOptions> = {}): CollectOptions {
  return {
    org: 'acme',
    config: new Map(),
    prompt: () => Promise.reject(new Error('nobody to ask')),
    directory: programs,
    ...overrides,
  };
}

function declare(program: Program, overrides?: Partial<CollectOptions>): Promise<readonly ResourceMessage[]> {
  return collect(program, options(overrides));
}

function json(message: ResourceMessage | undefined): JsonObject {
  if (!message) throw new Error('nothing was declared');
  switch (message.$typeName) {
    case 'ai.stigmer.agentic.environment.v1.Environment':
      return toJson(EnvironmentSchema, message) as JsonObject;
    case 'ai.stigmer.agentic.agent.v1.Agent':
      return toJson(AgentSchema, message) as JsonObject;
    case 'ai.stigmer.agentic.agentinstance.v1.AgentInstance':
      return toJson(AgentInstanceSchema, message) as JsonObject;
    case 'ai.stigmer.agentic.workflow.v1.Workflow':
      return toJson(WorkflowSchema, message) as JsonObject;
    case 'ai.stigmer.agentic.workflowinstance.v1.WorkflowInstance':
      return toJson(WorkflowInstanceSchema, message) as JsonObject;
  }
}

describe('the declared resources', () => {
  const whole: Program = (ctx) => {
    // Written the wrong way round on purpose: a name may refer to what comes later.
    new WorkflowInstance(ctx, 'notice-prod', { workflow: 'notice', environments: ['prod'] });
    new AgentInstance(ctx, 'reviewer-prod', { agent: 'reviewer', environments: ['prod', 'team'] });
    const workflow = new Workflow(ctx, 'notice', {
      tasks: [
        { name: 'wait', kind: 'WAIT', config: { seconds: 1 }, exportAs: 'waited' },
        { name: 'fail', kind: 'RAISE', config: { error: 'x', message: 'y' }, then: 'end' },
      ],
    });
    new Agent(ctx, 'reviewer', { instructions: 'Review pull requests.' });
    new Environment(ctx, 'prod', { data: { LOG_LEVEL: 'warn' } });
    new WorkflowInstance(ctx, 'notice-test', { workflow });
  };

  test('come in an order in which they can be written', async () => {
    const kinds = (await declare(whole)).map(({ kind, metadata }) => `${kind} ${metadata?.name ?? ''}`);
    expect(kinds).toEqual([
      'Environment prod',
      'Agent reviewer',
      'Workflow notice',
      'AgentInstance reviewer-prod',
      'WorkflowInstance notice-prod',
      'WorkflowInstance notice-test',
    ]);
  });

  test('keep the rules of the contract', async () => {
    const validator = createValidator();
    for (const message of await declare(whole)) {
      const schema = [
        EnvironmentSchema,
        AgentSchema,
        WorkflowSchema,
        AgentInstanceSchema,
        WorkflowInstanceSchema,
      ].find(({ typeName }) => typeName === message.$typeName);
      if (!schema) throw new Error(`no schema for ${message.$typeName}`);
      expect(validator.validate(schema, message)).toMatchObject({ kind: 'valid' });
    }
  });

  test('belong to the org they are applied to, as its own', async () => {
    expect(json((await declare(whole))[0])).toMatchObject({
      apiVersion: 'agentic.stigmer.ai/v1',
      metadata: { name: 'prod', org: 'acme', ownerScope: 'organization' },
    });
  });

  test('refer to each other by slug', async () => {
    const messages = await declare((ctx) => {
      const agent = new Agent(ctx, 'My Agent', { instructions: 'Be helpful.' });
      const environment = new Environment(ctx, 'My Environment', { data: {} });
      new AgentInstance(ctx, 'instance', { agent, environments: [environment, 'env-other'] });
    });
    expect(json(messages[2])).toMatchObject({
      spec: {
        agentId: 'my-agent',
        environmentRefs: [
          { org: 'acme', kind: 'environment', slug: 'my-environment' },
          { org: 'acme', kind: 'environment', slug: 'env-other' },
        ],
      },
    });
  });

  test('carry labels, tags and a description', async () => {
    const [environment] = await declare((ctx) => {
      new Environment(ctx, 'e', { data: {}, description: 'For tests.', labels: { team: 'a' }, tags: ['t'] });
    });
    expect(json(environment)).toMatchObject({
      metadata: { labels: { team: 'a' }, tags: ['t'] },
      spec: { description: 'For tests.' },
    });
  });

  test('a task becomes one of the contract', async () => {
    expect(json((await declare(whole))[2])).toMatchObject({
      spec: {
        document: { dsl: '1.0.0', namespace: 'acme', name: 'notice', version: '1.0.0' },
        tasks: [
          {
            name: 'wait',
            kind: 'WORKFLOW_TASK_KIND_WAIT',
            taskConfig: { seconds: 1 },
            export: { as: 'waited' },
          },
          { name: 'fail', kind: 'WORKFLOW_TASK_KIND_RAISE', flow: { then: 'end' } },
        ],
      },
    });
  });

  test('a template declares variables, and defaults for those that are no secret', async () => {
    const [agent] = await declare((ctx) => {
      new Agent(ctx, 'a', {
        instructions: 'Be helpful.',
        envSpec: { TOKEN: { isSecret: true }, LEVEL: { value: 'info' }, PROXY: { optional: true } },
      });
    });
    expect(json(agent)).toMatchObject({
      spec: {
        envSpec: { data: { TOKEN: { isSecret: true }, LEVEL: { value: 'info' }, PROXY: { optional: true } } },
      },
    });
  });

  test('an environment imports others, is written after them, and may pin a version of them', async () => {
    const messages = await declare((ctx) => {
      new Environment(ctx, 'My Prod', {
        data: {},
        imports: ['base', { environment: 'team', version: 'stable' }],
      });
      const base = new Environment(ctx, 'base', { data: {} });
      new Environment(ctx, 'canary', { data: {}, imports: [{ environment: base, version: '3' }] });
      new AgentInstance(ctx, 'i', {
        agent: 'a',
        environments: [{ environment: base, version: '3' }, 'my-prod'],
      });
    });
    expect(messages.map(({ metadata }) => metadata?.name)).toEqual(['base', 'My Prod', 'canary', 'i']);
    const base = { org: 'acme', kind: 'environment', slug: 'base' };
    expect(json(messages[1])).toMatchObject({
      spec: { imports: [base, { org: 'acme', kind: 'environment', slug: 'team', version: 'stable' }] },
    });
    expect(json(messages[2])).toMatchObject({ spec: { imports: [{ ...base, version: '3' }] } });
    expect(json(messages[3])).toMatchObject({
      spec: { environmentRefs: [{ ...base, version: '3' }, { slug: 'my-prod' }] },
    });
  });

  test('environments that import each other in a circle are refused, with the path', async () => {
    await expect(
      declare((ctx) => {
        new Environment(ctx, 'a', { data: {}, imports: ['b'] });
        new Environment(ctx, 'b', { data: {}, imports: [{ environment: 'a', version: '1' }] });
      }),
    ).rejects.toThrow('environments import each other in a circle: a → b → a');
  });

  test('a variable may be final, and expire', async () => {
    const expiresAt = '2027-01-31T00:00:00Z';
    const [environment] = await declare((ctx) => {
      new Environment(ctx, 'e', {
        data: {
          TOKEN: { value: secret({ file: './token' }), expiresAt: new Date(expiresAt) },
          REGION: { value: 'eu', final: true, expiresAt: '2027-01-31T01:00:00+01:00' },
        },
      });
    });
    expect(json(environment)['spec']).toEqual({
      data: {
        TOKEN: { value: 'a token for the tests', isSecret: true, expiresAt },
        REGION: { value: 'eu', final: true, expiresAt },
      },
    });
    for (const wrong of ['tomorrow', '2027-01-31', '2027-01-31T00:00:00', new Date(Number.NaN)]) {
      await expect(
        declare((ctx) => {
          new Environment(ctx, 'e', { data: { A: { value: '1', expiresAt: wrong } } });
        }),
      ).rejects.toThrow('A: expiresAt has to be a Date or a time such as 2027-01-31T00:00:00Z');
    }
  });

  test('an MCP server is described by what it needs', () => {
    expect(stdioServer('s', { command: 'npx', args: ['x'], env: ['A', 'B'], tools: ['t'] })).toMatchObject({
      name: 's',
      enabledTools: ['t'],
      serverType: {
        case: 'stdio',
        value: { command: 'npx', args: ['x'], envPlaceholders: { A: '${A}', B: '${B}' } },
      },
    });
    expect(stdioServer('s', { command: 'npx', env: { A: 'x-${B}' } })).toMatchObject({
      serverType: { value: { envPlaceholders: { A: 'x-${B}' } } },
    });
    expect(
      httpServer('h', { url: 'https://mcp.example', headers: { Authorization: 'Bearer ${T}' } }),
    ).toMatchObject({
      serverType: {
        case: 'http',
        value: { url: 'https://mcp.example', headers: { Authorization: 'Bearer ${T}' } },
      },
    });
  });

  test('the same kind and slug twice is refused', async () => {
    const twice: Program = (ctx) => {
      new Environment(ctx, 'My Prod', { data: {} });
      new Environment(ctx, 'my-prod', { data: {} });
    };
    await expect(declare(twice)).rejects.toThrow('Environment "my-prod" is declared twice');
  });

  test('a name without a letter or a digit is refused', async () => {
    await expect(
      declare((ctx) => {
        new Environment(ctx, '—', { data: {} });
      }),
    ).rejects.toThrow('needs a letter or a digit');
  });
});

describe('a secret', () => {
  const token =
    (source: Parameters<typeof secret>[0]): Program =>
    (ctx) => {
      new Environment(ctx, 'e', { data: { TOKEN: secret(source) } });
    };
  const tokenOf = (messages: readonly ResourceMessage[]) => json(messages[0])['spec'];

  test('is read from a file beside the program, without the newline at its end', async () => {
    expect(tokenOf(await declare(token({ file: './token' })))).toEqual({
      data: { TOKEN: { value: 'a token for the tests', isSecret: true } },
    });
  });

  test('is asked for where it has to be, once however often it is used', async () => {
    const asked: string[] = [];
    const prompt = (question: string) => Promise.resolve(`answer ${asked.push(question)}`);
    const messages = await declare(
      (ctx) => {
        const shared = secret({ prompt: 'GitHub token' });
        new Environment(ctx, 'a', { data: { A: shared, B: { value: shared, description: 'd' } } });
        new Environment(ctx, 'b', { data: { A: shared, OTHER: secret({ prompt: 'Another' }) } });
      },
      { prompt },
    );
    expect(asked).toEqual(['GitHub token: ', 'Another: ']);
    expect(json(messages[1])['spec']).toMatchObject({
      data: { A: { value: 'answer 1' }, OTHER: { value: 'answer 2' } },
    });
  });

  test('comes from the configuration where it is given, and is asked for where not', async () => {
    const program: Program = (ctx) => {
      new Environment(ctx, 'e', { data: { TOKEN: ctx.config.requireSecret('token') } });
    };
    const config = new Map([['token', 'configured']]);
    expect(tokenOf(await declare(program, { config }))).toMatchObject({
      data: { TOKEN: { value: 'configured', isSecret: true } },
    });
    const prompt = (question: string) => Promise.resolve(`asked ${question}`);
    expect(tokenOf(await declare(program, { prompt }))).toMatchObject({
      data: { TOKEN: { value: 'asked token: ' } },
    });
  });

  test('that nobody can be asked for fails the program', async () => {
    await expect(declare(token({ prompt: 'x' }))).rejects.toThrow('nobody to ask');
  });

  test('whose file is missing is an error that names the file', async () => {
    const error = await declare(token({ file: './no-such-file' })).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(DomainError);
    expect(String(error)).toContain('no-such-file');
  });

  test('cannot become part of a text, and shows nothing of itself', () => {
    const value = secret({ file: './token' });
    expect(() => `Bearer ${value as unknown as string}`).toThrow('a secret cannot become part of a text');
    expect(JSON.stringify({ value })).toBe('{"value":"[secret]"}');
    expect(inspect({ value })).toBe('{ value: [secret] }');
  });

  test('written in the program itself is refused, and its value is not repeated', async () => {
    const text = `ghp_${'a1'.repeat(18)}`;
    const sources: readonly Program[] = [
      (ctx) => {
        new Environment(ctx, 'e', { data: { VALUE: text } });
      },
      (ctx) => {
        new Environment(ctx, 'e', { data: { VALUE: { value: text } } });
      },
      (ctx) => {
        new Agent(ctx, 'a', { instructions: 'Be helpful.', envSpec: { VALUE: { value: text } } });
      },
      (ctx) => {
        new Workflow(ctx, 'w', { tasks: [], envSpec: { VALUE: { value: text } } });
      },
    ];
    for (const program of sources) {
      const error = await declare(program).catch((failure: unknown) => failure);
      expect(String(error)).toContain('VALUE looks like a secret');
      expect(inspect(error, { depth: 9 })).not.toContain(text);
    }
  });

  test('that is none can be said to be none', async () => {
    const messages = await declare((ctx) => {
      new Environment(ctx, 'e', { data: { API_TOKEN: { value: 'public-sandbox', plain: true } } });
    });
    expect(tokenOf(messages)).toEqual({ data: { API_TOKEN: { value: 'public-sandbox' } } });
  });
});

describe('the configuration', () => {
  test('what is required and not given is an error that says how to give it', async () => {
    await expect(
      declare((ctx) => {
        ctx.config.require('region');
      }),
    ).rejects.toThrow('--config region=');
  });

  test('what is optional may be missing', async () => {
    const found: unknown[] = [];
    await declare(
      (ctx) => {
        found.push(ctx.config.get('a'), ctx.config.get('b'));
      },
      { config: new Map([['b', '2']]) },
    );
    expect(found).toEqual([undefined, '2']);
  });
});

describe("a program's file", () => {
  test('is run with what it is told from outside', async () => {
    const program = await loadProgram(join(programs, 'reviewer.ts'));
    const { org, prompt } = options();
    const [environment, agent, instance] = await program.collect({
      org,
      prompt,
      config: new Map([['githubOrg', 'my-org']]),
    });
    expect(json(environment)).toMatchObject({
      spec: {
        data: {
          GITHUB_TOKEN: { value: 'a token for the tests', isSecret: true },
          GITHUB_ORG: { value: 'my-org' },
        },
      },
    });
    expect(json(agent)).toMatchObject({ spec: { mcpServers: [{ name: 'github' }] } });
    expect(json(instance)).toMatchObject({
      spec: { agentId: 'github-reviewer', environmentRefs: [{ slug: 'github-prod' }] },
    });
  });

  test('has to call run, once', async () => {
    await expect(loadProgram(join(programs, 'silent.ts'))).rejects.toThrow('declares nothing');
    await expect(loadProgram(join(programs, 'twice.ts'))).rejects.toThrow('more than once');
  });

  test('that cannot be run is an error that says why', async () => {
    const error = await loadProgram(join(programs, 'no-such-program.ts')).catch(
      (failure: unknown) => failure,
    );
    expect(error).toBeInstanceOf(DomainError);
    expect(String(error)).toContain('cannot run');
  });

  test('does nothing when nobody loads it', () => {
    expect(() => {
      run(() => {
        throw new Error('ran');
      });
    }).not.toThrow();
  });
});

test('a program may be asynchronous', async () => {
  const messages = await declare(async (ctx) => {
    await Promise.resolve();
    new Environment(ctx, 'late', { data: {} });
  });
  expect(messages).toHaveLength(1);
});
