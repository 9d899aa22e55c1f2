import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { searchLeaks } from './leak-search';
import { allPlaces } from './places';
import { theStack } from './stack';
import { succeeded, type RunOptions } from './stigmer';
import { until } from './until';

const TOKEN = 'ghp_environmentscanaryAb3dEf6hIj9lMn2p';
const ROTATED = 'ghp_environmentscanaryZy8xWv5uTs2rQp7o';
const KEY = '-----BEGIN PRIVATE KEY-----\nenvironments "canary" $HOME\n-----END PRIVATE KEY-----\n';

interface EnvironmentJson {
  readonly metadata: { readonly id: string; readonly version: { readonly id: string } };
  readonly spec: { readonly data: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
}
interface RevisionJson {
  readonly id: string;
  readonly number: number;
  readonly message?: string;
  readonly added?: readonly string[];
  readonly changed?: readonly string[];
  readonly removed?: readonly string[];
  readonly tags?: readonly string[];
  readonly current?: boolean;
}

describe('environments, by the command line', () => {
  const stack = theStack();
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stigmer-environments-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Whatever any command printed, to be searched for secrets at the end. */
  const printed: string[] = [];
  const stigmer = async (args: readonly string[], options: RunOptions = {}) => {
    const outcome = await stack.stigmer(args, { cwd: folder, ...options });
    printed.push(outcome.stdout, outcome.stderr);
    return outcome;
  };
  const run = async (args: readonly string[], options?: RunOptions) =>
    succeeded(await stigmer(args, options), args.join(' '));
  const json = async <T>(args: readonly string[]): Promise<T> =>
    JSON.parse((await run([...args, '--output', 'json'])).stdout) as T;
  const dataOf = async (name: string) => (await json<EnvironmentJson>(['get', 'env', name])).spec.data;
  const historyOf = async (name: string) =>
    (await json<{ items: readonly RevisionJson[] }>(['env', 'history', name])).items;
  const secretOf = async (name: string, key: string): Promise<string> =>
    // Not through `stigmer`: this one is meant to print it.
    succeeded(await stack.stigmer(['secret', 'get', name, key, '--reveal'])).stdout;
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return name;
  };

  it('are changed variable by variable, with secrets from a file and the standard input', async () => {
    const key = await file('deploy.key', `${KEY}\n`);
    await run(
      ['env', 'set', 'cli-prod', 'LEVEL=warn', '--secret', 'TOKEN=-', '--secret', `KEY=@${key}`, '--create'],
      { input: `${TOKEN}\n` },
    );
    await run(['env', 'set', 'cli-prod', 'LEVEL=debug', 'REGION=eu', '-m', 'look closer']);
    await run(['env', 'set', 'cli-prod', 'REGION', 'TOKEN', '--final', '--expires', '2036-01-31T00:00:00Z']);
    expect(await dataOf('cli-prod')).toMatchObject({
      LEVEL: { value: 'debug' },
      REGION: { value: 'eu', final: true, expires_at: '2036-01-31T00:00:00Z' },
      TOKEN: { value: '********', is_secret: true, final: true },
      KEY: { value: '********', is_secret: true },
    });
    expect(await secretOf('cli-prod', 'TOKEN')).toBe(TOKEN);
    expect(await secretOf('cli-prod', 'KEY')).toBe(KEY);
    await run(['env', 'unset', 'cli-prod', 'REGION']);
    expect(Object.keys(await dataOf('cli-prod')).sort()).toEqual(['KEY', 'LEVEL', 'TOKEN']);
  });

  it('take no secret from the command line, and change nothing when they are given one', async () => {
    const before = await json<EnvironmentJson>(['get', 'env', 'cli-prod']);
    for (const words of [['--secret', 'TOKEN=abcdefgh12'], ['NEW_TOKEN=abcdefgh12'], ['TOKEN=abcdefgh12']]) {
      const { code, stderr } = await stigmer(['env', 'set', 'cli-prod', ...words]);
      expect(code).toBe(2);
      expect(stderr).toContain('command line');
      expect(stderr).not.toContain('abcdefgh12');
    }
    expect(await json<EnvironmentJson>(['get', 'env', 'cli-prod'])).toEqual(before);
  });

  it('tell their history: who, why and which variables, and never a value', async () => {
    const revisions = await historyOf('cli-prod');
    expect(
      revisions.map(({ number, message = '', added = [], changed = [], removed = [], current = false }) => ({
        number,
        message,
        changes: [
          ...added.map((name) => `+${name}`),
          ...changed.map((name) => `~${name}`),
          ...removed.map((name) => `-${name}`),
        ],
        current,
      })),
    ).toEqual([
      { number: 4, message: '', changes: ['-REGION'], current: true },
      { number: 3, message: '', changes: ['~REGION', '~TOKEN'], current: false },
      { number: 2, message: 'look closer', changes: ['+REGION', '~LEVEL'], current: false },
      { number: 1, message: '', changes: ['+KEY', '+LEVEL', '+TOKEN'], current: false },
    ]);
    expect((await run(['env', 'history', 'cli-prod', '--page-size', '1'])).stderr).toContain('--page-token');
  });

  it('are shown at any version', async () => {
    expect(await dataOf('cli-prod@1')).toMatchObject({
      LEVEL: { value: 'warn' },
      TOKEN: { value: '********' },
    });
    expect(await stigmer(['get', 'env', 'cli-prod@99'])).toMatchObject({ code: 3 });
    expect(await stigmer(['get', 'agent', 'x@1'])).toMatchObject({ code: 2 });
  });

  it('are compared, version with version and one with another, without a secret', async () => {
    const { stdout } = await run(['env', 'diff', 'cli-prod', '--versions', '1', '2']);
    expect(stdout).toMatch(/^~ {2}LEVEL +warn +debug$/m);
    expect(stdout).toMatch(/^\+ {2}REGION +eu$/m);
    expect(stdout).toContain('2 the same');

    await run(['env', 'set', 'cli-twin', 'LEVEL=debug', '--secret', 'KEY=@deploy.key', '--create']);
    const blind = await run(['env', 'diff', 'cli-prod', 'cli-twin']);
    expect(blind.stdout).toMatch(/^\? {2}KEY +\*{8} +\*{8}$/m);
    expect(blind.stdout).toMatch(/^- {2}TOKEN +\*{8}/m);
    const owned = await run(['env', 'diff', 'cli-prod', 'cli-twin', '--compare-secrets', '--all']);
    expect(owned.stdout).toMatch(/^= {2}KEY +\*{8} +\*{8}$/m);
    await run(['env', 'set', 'cli-twin', '--secret', 'KEY=-'], { input: ROTATED });
    const changed = await run(['env', 'diff', 'cli-prod', 'cli-twin', '--compare-secrets']);
    expect(changed.stdout).toMatch(/^~ {2}KEY +\*{8} +\*{8}$/m);
  });

  it('come back to an earlier version, secrets included', async () => {
    await run(['env', 'tag', 'cli-prod', 'stable']);
    await run(['env', 'set', 'cli-prod', '--secret', 'TOKEN=-', '-m', 'rotate'], { input: ROTATED });
    expect(await secretOf('cli-prod', 'TOKEN')).toBe(ROTATED);
    await run(['env', 'rollback', 'cli-prod', 'stable', '-m', 'it does not work']);
    expect(await secretOf('cli-prod', 'TOKEN')).toBe(TOKEN);
    const [newest, rotated, tagged] = await historyOf('cli-prod');
    expect(newest).toMatchObject({
      number: 6,
      message: 'it does not work',
      changed: ['TOKEN'],
      current: true,
    });
    expect(rotated).toMatchObject({ number: 5, message: 'rotate', changed: ['TOKEN'] });
    expect(tagged).toMatchObject({ number: 4, tags: ['stable'] });
  });

  it('forget old versions, but for those with a tag', async () => {
    await run(['env', 'prune', 'cli-prod', '--keep', '1']);
    expect((await historyOf('cli-prod')).map(({ number }) => number)).toEqual([6, 4]);
    await run(['env', 'untag', 'cli-prod', 'stable']);
    await run(['env', 'prune', 'cli-prod', '--keep', '1']);
    expect((await historyOf('cli-prod')).map(({ number }) => number)).toEqual([6]);
  });

  it.each(['dotenv', 'kubernetes'])('go out in %s and come in again as they were', async (format) => {
    await run(['env', 'set', 'cli-prod', `ODD= it's "$HOME" \\n #\n`, 'EMPTY=']);
    const out = join(folder, `out.${format}`);
    await run(['env', 'export', 'cli-prod', '--with-secrets', '--format', format, '--out', out]);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    const name = `cli-copy-${format}`;
    const written = ['env', 'import', name, out, '--format', format, '--create'];
    if (format === 'dotenv')
      expect((await stigmer(written)).stderr).toMatch(/^.*TOKEN: looks like a secret/m);
    await run([...written, '--secrets', '--secret', 'KEY']);
    expect(await dataOf(name)).toMatchObject({ TOKEN: { is_secret: true }, KEY: { is_secret: true } });
    const back = join(folder, `back.${format}`);
    await run(['env', 'export', name, '--with-secrets', '--format', 'json', '--out', back]);
    expect(JSON.parse(await readFile(back, 'utf8'))).toEqual({
      EMPTY: '',
      KEY,
      LEVEL: 'debug',
      ODD: ` it's "$HOME" \\n #\n`,
      TOKEN,
    });
  });

  it('go out without their secrets, which are named', async () => {
    const { stdout, stderr } = await run(['env', 'export', 'cli-prod']);
    expect(stdout).toContain('# left out, since they are secrets: KEY, TOKEN\n');
    expect(stdout).toContain('LEVEL=debug\n');
    expect(stdout).not.toContain('*****');
    expect(stderr).toContain('--with-secrets');
  });

  it('are pinned by an instance: a run gets the version that it names', async () => {
    await run(['env', 'set', 'cli-pinned', 'STAGE=first', '--create']);
    await run(['env', 'tag', 'cli-pinned', 'tried']);
    await run(['env', 'set', 'cli-pinned', 'STAGE=second']);
    await run(['apply', await file('pinned.yaml', pinned)]);
    const { stdout } = await run(['explain', 'workflow', 'cli-pinned']);
    expect(stdout).toMatch(/^STAGE +first +environment cli-pinned/m);
  });

  it('import others: the example applies in any order, and nobody overrides what is final', async () => {
    const example = join(__dirname, '../../examples/shared-base');
    const { stdout } = await run(['apply', example]);
    expect(stdout).toMatch(
      /Environment +company-base +created\n[^]*Environment +company-production +created/,
    );
    const again = await run(['apply', example, '--dry-run']);
    expect(again.stdout).not.toMatch(/would/);
    const explained = await run(['explain', 'workflow', 'release-check']);
    expect(explained.stdout).toMatch(/^REGION +eu-west-1 +environment company-production/m);
    expect(explained.stdout).toMatch(/^LOG_FORMAT +json +environment company-base/m);
    const overridden = await stigmer(['explain', 'workflow', 'release-check', '-e', 'LOG_FORMAT=text']);
    expect(overridden.code).toBe(4);
    expect(overridden.stdout).toContain('company-base');
    const program = join(example, 'program.mjs');
    const { stdout: programmed } = await run([
      'apply',
      program,
      '--config',
      'releaseToken=example-token-5d1f',
    ]);
    expect(programmed).toMatch(/company-production +changed/);
  });

  it('that import each other in a circle are refused, with the path', async () => {
    const { code, stderr } = await stigmer(['apply', await file('circle.yaml', circle)]);
    expect(code).toBe(2);
    expect(stderr).toContain('circle.yaml:1:1: spec.imports: environments import each other in a circle: ');
    expect(stderr).toContain('cli-a → cli-b → cli-a');
  });

  it('tell who uses them: importers, instances, and runs with what they got', async () => {
    await run(['workflow', 'execute', 'release-check', '--trigger', 'now']);
    const base = await json<UseJson>(['env', 'used-by', 'company-base', '--ended']);
    expect(base.importers).toMatchObject([{ slug: 'company-production' }]);
    const use = await until('the run is known to the environment', async () => {
      const found = await json<UseJson>(['env', 'used-by', 'company-production', '--ended']);
      return found.executions.length > 0 ? found : undefined;
    });
    expect(use.instances).toMatchObject([{ kind: 'WorkflowInstance', slug: 'release-check-production' }]);
    expect(use.executions).toMatchObject([
      { kind: 'WorkflowExecution', keys: expect.arrayContaining(['RELEASE_TOKEN']) },
    ]);
    const none = await json<UseJson>(['env', 'used-by', 'company-production', '--ended', '--key', 'NOWHERE']);
    expect(none.executions).toEqual([]);
  });

  it('leave no secret in what was printed, in the logs, in the databases or in a process', async () => {
    const canaries = new Map([
      ['TOKEN', TOKEN],
      ['ROTATED', ROTATED],
      ['KEY', KEY],
    ]);
    const output = { name: 'what the commands printed', bytes: Buffer.from(printed.join('\n')) };
    expect(printed.length).toBeGreaterThan(50);
    expect(searchLeaks(canaries, [output, ...(await allPlaces(stack))])).toEqual([]);
    // The search can find: the exported files have them.
    const exported = await readFile(join(folder, 'out.dotenv'));
    expect(searchLeaks(canaries, [{ name: 'out.dotenv', bytes: exported }]).length).toBeGreaterThan(0);
  });
});

interface UseJson {
  readonly importers: readonly { readonly slug: string }[];
  readonly instances: readonly { readonly kind: string; readonly slug: string }[];
  readonly executions: readonly { readonly kind: string; readonly keys: readonly string[] }[];
}

const pinned = `apiVersion: agentic.stigmer.ai/v1
kind: Workflow
metadata: { name: cli-pinned }
spec:
  document: { dsl: 1.0.0, namespace: cli, name: cli-pinned, version: 1.0.0 }
  env_spec: { data: { STAGE: {} } }
  tasks: [{ name: tell, kind: SET, task_config: { variables: { stage: '\${ .env_vars.STAGE }' } } }]
---
apiVersion: agentic.stigmer.ai/v1
kind: WorkflowInstance
metadata: { name: cli-pinned-tried }
spec: { workflow_id: cli-pinned, env_refs: [cli-pinned@tried] }
`;

const circle = ['cli-a', 'cli-b']
  .map((name, index) =>
    JSON.stringify({
      apiVersion: 'agentic.stigmer.ai/v1',
      kind: 'Environment',
      metadata: { name },
      spec: { imports: [index === 0 ? 'cli-b' : 'cli-a'] },
    }),
  )
  .join('\n---\n');
