import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EnvironmentImportersSchema, EnvironmentUsageSchema } from '@stigmer/proto/agentic/environment/v1/io';
import { renderUse } from './used-by';

describe('who uses an environment', () => {
  it('is told by kind: importers and instances with the version that they pin, runs with what they got', () => {
    const { instances, executions } = create(EnvironmentUsageSchema, {
      instances: [{ kind: 'AgentInstance', id: 'ain-1', slug: 'reviewer', version: 'stable' }],
      executions: [
        {
          kind: 'AgentExecution',
          id: 'aex-1',
          open: true,
          revision: 'ver-9',
          keys: ['A', 'TOKEN'],
          createdAt: timestampFromDate(new Date('2026-11-22T10:00:00Z')),
        },
        { kind: 'WorkflowExecution', id: 'wex-1', revision: 'ver-8', keys: ['A'] },
      ],
    });
    const { items: importers } = create(EnvironmentImportersSchema, {
      items: [{ id: 'env-2', slug: 'prod' }],
    });
    expect(renderUse({ importers, instances, executions })).toBe(
      [
        'KIND           NAME      VERSION  ID',
        'Environment    prod      current  env-2',
        'AgentInstance  reviewer  stable   ain-1',
        '',
        'RUN                ID     STATE      STARTED               GOT    VARIABLES',
        'AgentExecution     aex-1  under way  2026-11-22T10:00:00Z  ver-9  A TOKEN',
        'WorkflowExecution  wex-1  ended                            ver-8  A',
      ].join('\n'),
    );
    expect(renderUse({ importers: [], instances: [], executions: [] })).toBe('nobody uses it');
  });
});
