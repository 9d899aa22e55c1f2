import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { grpcClient } from '@stigmer/proto';
import { ExecutionContextQueryController } from '@stigmer/proto/agentic/executioncontext/v1/query';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { connect, fromServiceError, type Stigmer } from '@stigmer/sdk';
import { startReceiver } from './receiver';
import { theStack } from './stack';
import type { Outcome, RunOptions } from './stigmer';

/** Stands wherever a secret could stand in what is refused; no refusal may repeat it. */
const CANARY = 'cnry-4be07a1f92d3';
const ORG = 'errors';

const REFUSED = 4;
const INVALID = 2;
const NOT_FOUND = 3;
const RUN_FAILED = 7;

/** One document of a file to apply. */
const resource = (kind: string, name: string, spec: string): string =>
  `apiVersion: agentic.stigmer.ai/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec:\n${spec}\n`;
const environment = (name: string, data: string): string => resource('Environment', name, `  data:\n${data}`);
const workflow = (name: string, envSpec: string, tasks: string): string =>
  resource(
    'Workflow',
    name,
    `  document: { dsl: 1.0.0, namespace: errors, name: ${name}, version: 1.0.0 }
  env_spec: { data: ${envSpec} }
  tasks:
${tasks}`,
  );
const agent = (name: string, server: string, envSpec = '{ TOKEN: { is_secret: true } }'): string =>
  resource(
    'Agent',
    name,
    `  instructions: Ask the server.
  mcp_servers:
    - name: github
      ${server}
  env_spec: { data: ${envSpec} }`,
  );

const applied = [
  environment('base', `    TOKEN: { value: ${CANARY}, is_secret: true }`),
  agent('reviewer', 'stdio: { command: mcp-server-everything, env_placeholders: { T: "${TOKEN}" } }'),
  workflow(
    'demanding',
    '{ FIRST: { is_secret: true }, SECOND: {}, THIRD: { optional: true } }',
    '    - { name: rest, kind: WAIT, task_config: { seconds: 1 } }',
  ),
].join('---\n');

interface Refusal {
  readonly what: string;
  readonly manifest: string;
  readonly code: number;
  readonly says: readonly string[];
}

/** Files that `apply` refuses: what is in them, the exit code, and what the answer says. */
const refusals: readonly Refusal[] = [
  {
    what: 'an environment that does not exist',
    manifest: resource('AgentInstance', 'i', '  agent_id: reviewer\n  environment_refs: [base, gone, lost]'),
    code: REFUSED,
    says: ['file.yaml:6', 'Environment not found: gone', 'Environment not found: lost'],
  },
  {
    what: 'a reference to another kind',
    manifest: resource(
      'AgentInstance',
      'i',
      '  agent_id: reviewer\n  environment_refs: [{ slug: reviewer, kind: Agent }]',
    ),
    code: INVALID,
    says: ['file.yaml:6:22', 'spec.environment_refs[0]', 'must refer to an environment'],
  },
  {
    what: 'an instance of a template that does not exist',
    manifest: resource('WorkflowInstance', 'i', '  workflow_id: gone'),
    code: REFUSED,
    says: ['file.yaml:5', 'Workflow not found: gone'],
  },
  {
    what: 'a secret in an argument',
    manifest: agent('a', 'stdio: { command: c, args: ["--token=${TOKEN}"] }'),
    code: INVALID,
    says: ['github', 'args[0]', 'column 9', 'a placeholder cannot be used here'],
  },
  {
    what: 'a malformed placeholder, which is not quoted',
    manifest: agent('a', `stdio: { command: c, env_placeholders: { T: "\${${CANARY}!}" } }`),
    code: INVALID,
    says: ['github', 'env_placeholders'],
  },
  {
    what: 'an illegal key',
    manifest: environment('e', `    1BAD-KEY: { value: ${CANARY} }`),
    code: INVALID,
    says: ['file.yaml:6', '1BAD-KEY'],
  },
  {
    what: 'a value that is too large',
    manifest: environment('e', `    LARGE: { value: ${CANARY.repeat(4_000)}, is_secret: true }`),
    code: INVALID,
    says: ['file.yaml:6:5', 'spec.data["LARGE"]', 'at most 65536 bytes'],
  },
  {
    what: 'too many keys',
    manifest: environment('e', Array.from({ length: 1_001 }, (_, n) => `    K${n}: { value: x }`).join('\n')),
    code: INVALID,
    says: ['file.yaml:5:3', 'spec.data', 'at most 1000 variables'],
  },
  {
    what: 'the value of a secret in a template',
    manifest: agent('a', 'stdio: { command: c }', `{ TOKEN: { is_secret: true, value: ${CANARY} } }`),
    code: INVALID,
    says: ['file.yaml:9', 'TOKEN'],
  },
  {
    what: 'malformed YAML',
    manifest: environment('e', `    TOKEN: { value: ${CANARY} ]\n    OTHER: { value: x }`),
    code: INVALID,
    says: ['file.yaml:6', 'malformed YAML', 'nothing was applied'],
  },
  {
    what: '******** for a secret that is new',
    manifest: environment('base', '    NEW: { value: "********", is_secret: true }'),
    code: INVALID,
    says: ['file.yaml:6', 'NEW', '********'],
  },
  {
    what: '******** with is_secret: false',
    manifest: environment('base', '    TOKEN: { value: "********", is_secret: false }'),
    code: INVALID,
    says: ['file.yaml:6', 'TOKEN', 'is_secret'],
  },
];

describe('what bad input gets', () => {
  const stack = theStack();
  let folder: string;
  let client: Stigmer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stigmer-errors-'));
    client = connect({ address: (await stack.status()).gateway, org: ORG });
    expect(await apply(applied)).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    client.close();
    await rm(folder, { recursive: true, force: true });
  });

  const run = async (args: readonly string[], options: RunOptions = {}): Promise<Outcome> => {
    const outcome = await stack.stigmer([...args, '--org', ORG], { cwd: folder, ...options });
    expect(outcome.stdout + outcome.stderr).not.toContain(CANARY);
    return outcome;
  };
  const apply = async (manifest: string): Promise<Outcome> => {
    await writeFile(join(folder, 'file.yaml'), manifest);
    return run(['apply', 'file.yaml']);
  };
  const expectRefusal = (outcome: Outcome, code: number, says: readonly string[]): void => {
    for (const text of says) expect(outcome.stderr).toContain(text);
    expect(outcome.code).toBe(code);
  };

  const executionIds = async (): Promise<readonly string[]> => {
    const list = (await stack.json(['list', 'workflowexecution', '--org', ORG])) as {
      items?: { metadata: { id: string } }[];
    };
    return (list.items ?? []).map(({ metadata }) => metadata.id);
  };

  it.each(refusals)('apply refuses $what', async ({ manifest, code, says }) => {
    expectRefusal(await apply(manifest), code, says);
  });

  it('a reference that leads nowhere is NOT_FOUND, with the kind and the reference', async () => {
    expectRefusal(await run(['get', 'environment', 'gone']), NOT_FOUND, ['Environment not found: gone']);
    expectRefusal(await run(['workflow', 'execute', 'gone', '--trigger', 'x']), NOT_FOUND, [
      'Workflow not found: gone',
    ]);
    expectRefusal(await run(['agent', 'execute', 'gone', '--message', 'x']), NOT_FOUND, [
      'Agent not found: gone',
    ]);
  });

  it('a run without its variables is refused, and all of them are named, with how to give them', async () => {
    const before = await executionIds();
    const outcome = await run(['workflow', 'execute', 'demanding', '--trigger', 'x']);
    expectRefusal(outcome, REFUSED, [
      'FIRST is declared by template "demanding"',
      'with --secret FIRST',
      'SECOND is declared by template "demanding"',
      'with --env SECOND=',
    ]);
    expect(outcome.stderr).not.toContain('THIRD');
    expect(await executionIds()).toEqual(before);
  });

  it('a run whose placeholder names no variable is refused with server, field and what was probably meant', async () => {
    const manifest = agent('misspelt', 'stdio: { command: c, env_placeholders: { T: "Bearer ${TOKN}" } }');
    expect(await apply(manifest)).toMatchObject({ code: 0 });
    await writeFile(join(folder, 'token'), CANARY);
    const outcome = await run(['agent', 'execute', 'misspelt', '--message', 'x', '--secret', 'TOKEN=@token']);
    expectRefusal(outcome, REFUSED, [
      'github',
      'env_placeholders.T',
      'column 8',
      'TOKN is not a variable',
      'did you mean TOKEN?',
    ]);
  });

  it('a malformed dotenv file is refused by its line', async () => {
    await writeFile(join(folder, 'bad.env'), `GOOD=1\n# a comment\nTOKEN ${CANARY}\n`);
    const outcome = await run(['workflow', 'execute', 'demanding', '--secret-file', 'bad.env']);
    expectRefusal(outcome, INVALID, ['bad.env', '3']);
  });

  it('a second resource of the same slug is ALREADY_EXISTS', async () => {
    await expect(client.environments.create(environmentMessage('base'))).rejects.toMatchObject({
      kind: 'already-exists',
      message: expect.stringContaining('base'),
    });
  });

  const contended = `contended-${Date.now()}`;
  it('a write that expects a stale version is ABORTED, and changes nothing', async () => {
    const first = await client.environments.create(environmentMessage(contended, 'one'));
    const second = await client.environments.update(
      environmentMessage(contended, 'two', first.metadata?.version?.id),
    );
    await expect(
      client.environments.update(environmentMessage(contended, 'three', first.metadata?.version?.id)),
    ).rejects.toMatchObject({ kind: 'aborted' });
    const read = await client.environments.getByReference({ slug: contended, org: ORG });
    expect(read).toEqual(second);
  });

  const environmentMessage = (name: string, value = 'x', version?: string) => ({
    apiVersion: 'agentic.stigmer.ai/v1',
    kind: 'Environment',
    metadata: {
      name,
      org: ORG,
      ownerScope: ApiResourceOwnerScope.organization,
      ...(version === undefined ? {} : { version: { id: version } }),
    },
    spec: { data: { KEY: { value } } },
  });

  describe('a context', () => {
    let executionId: string;

    beforeAll(async () => {
      const waiting = '    - { name: rest, kind: WAIT, task_config: { seconds: 600 } }';
      const manifest = workflow('waiting', '{ TOKEN: { is_secret: true } }', waiting);
      expect(await apply(manifest)).toMatchObject({ code: 0 });
      await writeFile(join(folder, 'secret'), CANARY);
      const { stdout } = await run([
        ...['workflow', 'execute', 'waiting', '--trigger', 'x', '--no-wait', '--output', 'json'],
        ...['--secret', 'TOKEN=@secret'],
      ]);
      executionId = (JSON.parse(stdout) as { metadata: { id: string } }).metadata.id;
    });
    afterAll(async () => {
      expect(await run(['cancel', executionId])).toMatchObject({ code: 0 });
    });

    it('is UNAUTHENTICATED for a caller without a service’s identity, on the service’s own port', async () => {
      const { parts } = await stack.status();
      const part = parts.find(({ name }) => name === 'execution-context-service');
      const contexts = grpcClient(
        ExecutionContextQueryController,
        part?.address ?? 'no address',
        credentials.createInsecure(),
        { mapError: fromServiceError },
      );
      try {
        await expect(contexts.getByExecutionId({ executionId })).rejects.toMatchObject({
          kind: 'unauthenticated',
        });
      } finally {
        contexts.close();
      }
    });

    it('is redacted through the gateway, for its owner too', async () => {
      const { gateway } = await stack.status();
      const localToken = await stack.localToken();
      const owner = connect({ address: gateway, localToken });
      try {
        for (const { executionContexts } of [client, owner]) {
          const context = await executionContexts.getByExecutionId({ executionId });
          expect(context.spec?.data).toMatchObject({ TOKEN: { value: '********', isSecret: true } });
        }
      } finally {
        owner.close();
      }
    });
  });

  describe('a run whose other side fails', () => {
    it('ends with the masked stderr of an MCP server that does not start', async () => {
      const server =
        'stdio: { command: sh, args: ["-c", "echo cannot open $T >&2; exit 3"], env_placeholders: { T: "${TOKEN}" } }';
      expect(await apply(`${agent('broken', server)}---\n${instanceOf('broken')}`)).toMatchObject({
        code: 0,
      });
      const nobody = 'OPENAI_BASE_URL=http://127.0.0.1:9/v1';
      const outcome = await run(['agent', 'execute', 'broken', '--message', 'x', '--env', nobody]);
      expectRefusal(outcome, RUN_FAILED, ['McpServerFailed', 'github', 'cannot open ********']);
    });

    const instanceOf = (name: string): string =>
      resource('AgentInstance', `${name}-own`, `  agent_id: ${name}\n  environment_refs: [base]`);
    const applyCall = (name: string, uri: string): Promise<Outcome> =>
      apply(
        workflow(
          name,
          '{}',
          `    - { name: call, kind: HTTP_CALL, task_config: { method: GET, endpoint: { uri: "${uri}" }, timeout_seconds: 5 } }`,
        ),
      );

    it('tries an HTTP call again that may succeed later', async () => {
      let calls = 0;
      const receiver = await startReceiver(() => ({ status: ++calls < 3 ? 503 : 200, body: '{"ok":true}' }));
      try {
        expect(await applyCall('retried', receiver.url)).toMatchObject({ code: 0 });
        const outcome = await run(['workflow', 'execute', 'retried', '--trigger', 'x']);
        expect(outcome).toMatchObject({ code: 0 });
        expect(receiver.received).toHaveLength(3);
      } finally {
        await receiver.close();
      }
    });

    it('does not try an HTTP call again that was refused for good', async () => {
      const receiver = await startReceiver(() => ({ status: 403, body: '{"reason":"not yours"}' }));
      try {
        expect(await applyCall('refused', receiver.url)).toMatchObject({ code: 0 });
        const outcome = await run(['workflow', 'execute', 'refused', '--trigger', 'x']);
        expectRefusal(outcome, RUN_FAILED, ['HttpFailed', 'call', '403', 'not yours']);
        expect(receiver.received).toHaveLength(1);
      } finally {
        await receiver.close();
      }
    });
  });
});
