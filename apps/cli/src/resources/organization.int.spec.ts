import { notFound } from '@stigmer/domain';
import { AgentExecutionCommandController } from '@stigmer/proto/agentic/agentexecution/v1/command';
import { AgentExecutionQueryController } from '@stigmer/proto/agentic/agentexecution/v1/query';
import { SessionCommandController } from '@stigmer/proto/agentic/session/v1/command';
import { SessionQueryController } from '@stigmer/proto/agentic/session/v1/query';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import { run } from '../program';
import { FakeServer } from '../testing/fake-server';
import { memoryIo } from '../testing/memory-io';

const KINDS = [
  ['session', 'ses', 'Session'],
  ['agent-execution', 'aex', 'AgentExecution'],
  ['workflow-execution', 'wex', 'WorkflowExecution'],
] as const;

/** Whose entry 1, 2, … is; the last one is the platform's. */
const OWNERS = ['them', 'them', 'us', 'them', 'us', 'them', ''];

/** As much of the older services as the CLI uses: neither a list nor a get is told an organization. */
function shelf(prefix: string, kind: string) {
  const deleted: string[] = [];
  const entries = OWNERS.map((org, index) => ({ metadata: { id: `${prefix}-${index + 1}`, org } }));
  const byId = (id: string) => {
    const found = entries.find(({ metadata }) => metadata.id === id);
    return found ? Promise.resolve(found) : Promise.reject(notFound('resource', `${kind} ${id}`));
  };
  return {
    deleted,
    get: ({ value }: { readonly value: string }) => byId(value),
    delete: ({ value }: { readonly value: string }) => {
      deleted.push(value);
      return byId(value);
    },
    list: ({ pageSize, pageToken }: { readonly pageSize: number; readonly pageToken: string }) => {
      const from = (Number(pageToken || '1') - 1) * pageSize;
      return Promise.resolve({
        totalPages: Math.ceil(entries.length / pageSize),
        entries: entries.slice(from, from + pageSize),
      });
    },
  };
}

describe('runs and sessions of an organization', () => {
  let server: FakeServer;
  let deleted: readonly (readonly string[])[];

  beforeEach(async () => {
    const [sessions, agents, workflows] = [shelf('ses', 'Session'), shelf('aex', 'run'), shelf('wex', 'run')];
    deleted = [sessions.deleted, agents.deleted, workflows.deleted];
    server = await new FakeServer()
      .serve(SessionCommandController, { delete: sessions.delete })
      .serve(SessionQueryController, { get: sessions.get, list: sessions.list })
      .serve(AgentExecutionCommandController, { delete: agents.delete })
      .serve(AgentExecutionQueryController, { get: agents.get, list: agents.list })
      .serve(WorkflowExecutionCommandController, { delete: workflows.delete })
      .serve(WorkflowExecutionQueryController, { get: workflows.get, list: workflows.list })
      .listen();
  });
  afterEach(() => {
    server.close();
  });

  async function cli(...args: readonly string[]) {
    const io = memoryIo({ input: '' });
    const code = await run(['--address', server.address, '--org', 'us', ...args], io);
    return { code, ...io.written };
  }
  const ids = ({ stdout }: { readonly stdout: string }): readonly string[] =>
    (JSON.parse(stdout) as { items: { metadata: { id: string } }[] }).items.map(
      ({ metadata }) => metadata.id,
    );

  it.each(KINDS)('a list of %ss shows no other organization’s', async (kind, prefix) => {
    expect(ids(await cli('list', kind, '--all', '--page-size', '2', '-o', 'json'))).toEqual(
      [3, 5, 7].map((number) => `${prefix}-${number}`),
    );
  });

  it.each(KINDS)('a page of %ss is empty only where there are no more', async (kind, prefix) => {
    const first = await cli('list', kind, '--page-size', '2', '-o', 'json');
    expect(ids(first)).toEqual([`${prefix}-3`]);
    expect(JSON.parse(first.stdout)).toMatchObject({ next_page_token: '3' });
    const none = await cli('list', kind, '--page-size', '2', '--org', 'nobody', '-o', 'json');
    // The platform's own is everybody's.
    expect(ids(none)).toEqual([`${prefix}-7`]);
    expect(JSON.parse(none.stdout)).not.toHaveProperty('next_page_token');
  });

  it.each(KINDS)('a %s of another organization is not found, and not deleted', async (kind, prefix, name) => {
    for (const command of ['get', 'delete']) {
      expect(await cli(command, kind, `${prefix}-1`)).toEqual({
        code: 3,
        stdout: '',
        stderr: `error: ${name} not found: ${prefix}-1\n`,
      });
      expect((await cli(command, kind, `${prefix}-3`)).code).toBe(0);
    }
    expect(deleted.flat()).toEqual([`${prefix}-3`]);
  });
});
