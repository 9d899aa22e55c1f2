import { Layer } from '@stigmer/proto/agentic/resolver/v1/io';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import { run } from '../program';
import { FakeServer } from '../testing/fake-server';
import { memoryIo } from '../testing/memory-io';

const BASE = { layer: Layer.ENVIRONMENT, environmentSlug: 'base', revision: 'ver-7', via: ['production'] };

describe('stigmer get workflow-execution', () => {
  let server: FakeServer;

  beforeEach(async () => {
    server = await new FakeServer()
      .serve(WorkflowExecutionQueryController, {
        get: ({ value: id }) =>
          Promise.resolve({
            apiVersion: 'agentic.stigmer.ai/v1',
            kind: 'WorkflowExecution',
            metadata: { id },
            status: {
              error: 'no luck',
              provenance: {
                TOKEN: { isSecret: true, origin: BASE, shadowed: [{ layer: Layer.TEMPLATE }] },
                LEVEL: { origin: { layer: Layer.RUNTIME } },
              },
            },
          }),
      })
      .listen();
  });
  afterEach(() => {
    server.close();
  });

  async function get(...options: readonly string[]): Promise<string> {
    const io = memoryIo();
    await run(['--address', server.address, 'get', 'workflow-execution', 'wex-1', ...options], io);
    return io.written.stdout;
  }

  it('shows where the variables of a run came from, as a table of its own', async () => {
    const text = await get();
    expect(text).toContain('error: no luck\n');
    expect(text).toContain(
      'Where its variables came from:\n' +
        'VARIABLE  SECRET  FROM                               REVISION  SHADOWS\n' +
        'LEVEL             the run\n' +
        'TOKEN     yes     environment base (via production)  ver-7     template\n',
    );
    expect(text).not.toContain('provenance:');
  });

  it('keeps it where it is in JSON', async () => {
    expect(JSON.parse(await get('-o', 'json'))).toMatchObject({
      status: { provenance: { TOKEN: { is_secret: true, origin: { revision: 'ver-7' } } } },
    });
  });
});
