import { theStack } from './stack';
import { succeeded, type RunOptions } from './stigmer';
import { until } from './until';

const CANARY = 'ghp_provenancecanaryQw3eRt5yUi7oPa9s';

interface RunJson {
  readonly metadata: { readonly id: string };
  readonly status: {
    readonly phase: string;
    readonly provenance: Readonly<Record<string, ProvenanceJson>>;
    readonly warnings?: readonly { readonly code: string; readonly variable: string }[];
  };
}
interface ProvenanceJson {
  readonly is_secret?: boolean;
  readonly origin: Readonly<Record<string, unknown>>;
  readonly shadowed?: readonly Readonly<Record<string, unknown>>[];
}
interface UsageJson {
  readonly instances: readonly Readonly<Record<string, unknown>>[];
  readonly executions: readonly Readonly<Record<string, unknown>>[];
}

const DAY = 86_400_000;
const inDays = (days: number): string => new Date(Date.now() + days * DAY).toISOString();

const environment = (name: string, data: string, imports = ''): string => `
apiVersion: agentic.stigmer.ai/v1
kind: Environment
metadata: { name: ${name} }
spec:${imports === '' ? '' : `\n  imports: [${imports}]`}
  data: { ${data} }
---`;

const instance = (name: string, references: string): string => `
apiVersion: agentic.stigmer.ai/v1
kind: WorkflowInstance
metadata: { name: ${name} }
spec: { workflow_id: provenance-waits, env_refs: [${references}] }
---`;

const WORKFLOW = `
apiVersion: agentic.stigmer.ai/v1
kind: Workflow
metadata: { name: provenance-waits }
spec:
  document: { dsl: 1.0.0, namespace: tests, name: provenance-waits, version: 1.0.0 }
  env_spec: { data: { LEVEL: { value: info } } }
  tasks: [{ name: wait, kind: WAIT, task_config: { seconds: 600 } }]
---`;

describe('where a run’s values came from', () => {
  const stack = theStack();
  /** Whatever any command printed, to be searched for the secret at the end. */
  const printed: string[] = [];
  const stigmer = async (args: readonly string[], options?: RunOptions) => {
    const outcome = await stack.stigmer(args, options);
    printed.push(outcome.stdout, outcome.stderr);
    return outcome;
  };
  const run = async (args: readonly string[], options?: RunOptions) =>
    succeeded(await stigmer(args, options), args.join(' '));
  const json = async <T>(args: readonly string[]): Promise<T> =>
    JSON.parse((await run([...args, '--output', 'json'])).stdout) as T;
  const apply = (manifest: string) => run(['apply', '-'], { input: manifest });
  const execute = (name: string, ...more: readonly string[]) =>
    stigmer(['workflow', 'execute', 'provenance-waits', '--instance', name, '--no-wait', ...more]);
  const runOf = (id: string) => json<RunJson>(['get', 'workflow-execution', id]);

  beforeAll(async () => {
    const base = `REGION: { value: eu, final: true }, TOKEN: { value: ${CANARY}, is_secret: true, expires_at: "${inDays(3)}" }`;
    await apply(WORKFLOW + environment('provenance-base', base));
    await apply(environment('provenance-pinned', 'LEVEL: { value: warn }'));
    await run(['env', 'tag', 'provenance-pinned', 'stable']);
    await run(['env', 'set', 'provenance-pinned', 'LEVEL=debug']);
    await apply(
      environment('provenance-production', 'ZONE: { value: a }', 'provenance-base') +
        environment('provenance-old', `OLD: { value: x, expires_at: "${inDays(-1)}" }`) +
        environment('provenance-override', 'REGION: { value: us }') +
        instance('provenance-good', 'provenance-production, { slug: provenance-pinned, version: stable }') +
        instance('provenance-expired', 'provenance-old') +
        instance('provenance-overriding', 'provenance-production, provenance-override'),
    );
  });

  it('is told by the run while it goes and after its end, with pinned versions and ways of imports', async () => {
    const { stdout, stderr } = succeeded(await execute('provenance-good'));
    expect(stderr).toMatch(
      /warning: TOKEN of environment provenance-base \(via provenance-production\) expires at/,
    );
    const [id = ''] = /wex-\S+/.exec(stdout) ?? [];
    const { status } = await runOf(id);
    expect(status.warnings).toMatchObject([{ code: 'expiring-variable', variable: 'TOKEN' }]);
    expect(Object.keys(status.provenance).sort()).toEqual(['LEVEL', 'REGION', 'TOKEN', 'ZONE']);
    const base = { environment_slug: 'provenance-base', via: ['provenance-production'] };
    expect(status.provenance['TOKEN']).toMatchObject({ is_secret: true, origin: base });
    const stable = await json<{ metadata: { version: { id: string } } }>([
      'get',
      'env',
      'provenance-pinned@stable',
    ]);
    expect(status.provenance['LEVEL']).toMatchObject({
      origin: { environment_slug: 'provenance-pinned', revision: stable.metadata.version.id },
      shadowed: [{ layer: 'LAYER_TEMPLATE' }],
    });
    const table = (await run(['get', 'workflow-execution', id])).stdout;
    expect(table).toMatch(/TOKEN +yes +environment provenance-base \(via provenance-production\)/);

    const usage = await json<UsageJson>(['env', 'used-by', 'provenance-base']);
    expect(usage.executions).toContainEqual(
      expect.objectContaining({ id, open: true, keys: ['REGION', 'TOKEN'], kind: 'WorkflowExecution' }),
    );
    expect((await json<UsageJson>(['env', 'used-by', 'provenance-pinned'])).instances).toMatchObject([
      { slug: 'provenance-good', version: 'stable' },
    ]);

    await run(['cancel', id]);
    const ended = await until('the run has ended', async () => {
      const now = await runOf(id);
      return now.status.phase === 'EXECUTION_CANCELLED' ? now : undefined;
    });
    expect(ended.status.provenance).toEqual(status.provenance);
    const later = await json<UsageJson>(['env', 'used-by', 'provenance-base']);
    expect(later.executions.map((use) => use['id'])).not.toContain(id);
    const all = await json<UsageJson>(['env', 'used-by', 'provenance-base', '--ended', '--key', 'TOKEN']);
    expect(all.executions.map((use) => use['id'])).toContain(id);
  });

  it('names both layers where a later one would override what is final, and no run starts', async () => {
    const refused = await execute('provenance-overriding');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain(
      'REGION is final in environment provenance-base (via provenance-production): environment provenance-override may not override it',
    );
    const own = await execute('provenance-good', '--env', 'REGION=us');
    expect(own.stderr).toContain("the run's own values may not override it");
  });

  it('is no use where the value has expired: the run is refused with the reason', async () => {
    const refused = await execute('provenance-expired');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/OLD of environment provenance-old expired at 20/);
    const explained = await stigmer([
      'explain',
      'workflow',
      'provenance-waits',
      '--instance',
      'provenance-expired',
    ]);
    expect(explained.code).toBe(4);
    expect(explained.stdout).toContain('OLD of environment provenance-old expired at');
  });

  it('never is a value: no secret is in what was printed, nor beside the runs in the database', async () => {
    const executions = (await stack.documents('stigmer_control')).map((document) =>
      ['message', 'snapshot'].map((field) => {
        const { buffer } = (document[field] ?? {}) as { buffer?: Uint8Array };
        return buffer === undefined ? '' : Buffer.from(buffer).toString('latin1');
      }),
    );
    const all = [...printed, ...executions.flat(), JSON.stringify(executions)];
    expect(executions.flat().join('')).toContain('provenance-production');
    expect(all.filter((text) => text.includes(CANARY))).toEqual([]);
  });
});
