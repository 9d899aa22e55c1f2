import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startScriptedModel, type ScriptedModel } from '@stigmer/embedded';
import { searchLeaks, type Place } from './leak-search';
import { theStack } from './stack';
import { repository } from './stigmer';
import { until } from './until';

const ORG = 'privilege';
const NAMED = 'cnry-named-7c1e4ab9d05f';
const UNNAMED = 'cnry-unnamed-b2f8036e91dd';
const spy = join(repository, 'e2e/testdata/privilege/spy.cjs');

const server = `name: spy
        stdio: { command: node, args: ["${spy}"], env_placeholders: { SPY_TOKEN: "\${NAMED}" } }`;
const envSpec = '{ data: { NAMED: { is_secret: true }, UNNAMED: { is_secret: true } } }';
const manifests = `
apiVersion: agentic.stigmer.ai/v1
kind: Agent
metadata: { name: watched }
spec:
  instructions: Look around once.
  env_spec: ${envSpec}
  mcp_servers:
    - ${server.replace('        ', '      ')}
---
apiVersion: agentic.stigmer.ai/v1
kind: Workflow
metadata: { name: watched }
spec:
  document: { dsl: 1.0.0, namespace: privilege, name: watched, version: 1.0.0 }
  env_spec: ${envSpec}
  tasks:
    - name: look
      kind: CALL_ACTIVITY
      task_config: { activity: mcp/call-tool, input: { tool: look, arguments: {}, server: { name: spy, stdio: {
        command: node, args: ["${spy}"], env_placeholders: { SPY_TOKEN: "\${NAMED}" } } } } }
`;

interface Report {
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly parent: number;
  readonly processes: Readonly<Record<string, { readonly environ: string; readonly cmdline: string }>>;
  readonly pids: readonly number[];
}

describe('an MCP server that looks around', () => {
  const stack = theStack();
  let folder: string;
  let model: ScriptedModel;
  const reports = new Map<string, Report>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stigmer-privilege-'));
    model = await startScriptedModel();
    await writeFile(join(folder, 'watched.yaml'), manifests);
    await writeFile(join(folder, 'secrets.env'), `NAMED=${NAMED}\nUNNAMED=${UNNAMED}\n`);
    await run(['apply', 'watched.yaml']);
    const secrets = ['--secret-file', 'secrets.env'];
    await run(['workflow', 'execute', 'watched', '--trigger', 'x', ...secrets]);
    await run([
      'agent',
      'execute',
      'watched',
      '--message',
      'x',
      ...secrets,
      '--env',
      `OPENAI_BASE_URL=${model.url}`,
    ]);
    for (const kind of ['agent', 'workflow']) {
      const { metadata } = (await stack.json(['get', kind, 'watched', '--org', ORG])) as {
        metadata: { id: string };
      };
      const report = await readFile(join(stack.home, 'homes', metadata.id, 'report.json'), 'utf8');
      reports.set(kind, JSON.parse(report) as Report);
    }
  });
  afterAll(async () => {
    await model.close();
    await rm(folder, { recursive: true, force: true });
  });

  const run = async (args: readonly string[]): Promise<void> => {
    const outcome = await stack.stigmer([...args, '--org', ORG], { cwd: folder });
    expect({ args, ...outcome }).toMatchObject({ code: 0 });
  };
  const reportOf = (kind: string): Report => {
    const report = reports.get(kind);
    if (report === undefined) throw new Error(`the ${kind} left no report`);
    return report;
  };
  /** The secrets of this installation, and the one of this run that the server was not given. */
  const canaries = async (): Promise<ReadonlyMap<string, string>> => {
    const run = (name: string): Promise<string> => readFile(join(stack.home, 'run', name), 'utf8');
    const identity = JSON.parse(await run('workflow-runner.identity.json')) as { d: string };
    const root = await readFile(join(stack.home, 'encryption.key'));
    return new Map([
      ['a variable it did not name', UNNAMED],
      ['the root key', root.toString('base64')],
      ['the contexts’ key', (await run('execution-context-service.encryption.key')).trim()],
      ['the runner’s identity', identity.d],
      ['the local token', await stack.localToken()],
    ]);
  };

  describe.each(['agent', 'workflow'])('of an %s', (kind) => {
    it('has the variables that its placeholders name, PATH, LANG, TMPDIR and HOME, and no other', async () => {
      const { env } = reportOf(kind);
      expect(Object.keys(env).sort()).toEqual(['HOME', 'LANG', 'PATH', 'SPY_TOKEN', 'TMPDIR']);
      expect(env['SPY_TOKEN']).toBe(NAMED);
      expect(env['HOME']).toContain(join(stack.home, 'homes'));
      expect(searchLeaks(await canaries(), [place('its environment', env)])).toEqual([]);
    });

    it('finds an empty home', () => {
      expect(reportOf(kind).files).toEqual([]);
    });

    it('finds no key, token or secret in the environment or the arguments of any process of the stack', async () => {
      const { processes, parent } = reportOf(kind);
      const { pid, parts } = await stack.status();
      const runner = parts.find(({ name }) => name === 'workflow-runner');
      expect(parent).toBe(runner?.pid);
      // What it could read, or nothing found would prove nothing.
      for (const part of [{ pid }, ...parts]) expect(processes[part.pid]?.environ).not.toBe('');
      expect(processes[parent]?.environ).toContain('STIGMER_CONTEXT_SERVICE=');
      const places = [pid, ...parts.map((part) => part.pid)].map((id) =>
        place(`process ${id}`, processes[id]),
      );
      expect(searchLeaks(new Map([...(await canaries()), ['its own variable', NAMED]]), places)).toEqual([]);
    });

    it('is gone after the run, with every process it started', async () => {
      const { pids } = reportOf(kind);
      await until('the process group ends', () => (pids.some(isAlive) ? undefined : true));
    });
  });
});

function place(name: string, seen: unknown): Place {
  return { name, bytes: Buffer.from(JSON.stringify(seen ?? '')) };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
