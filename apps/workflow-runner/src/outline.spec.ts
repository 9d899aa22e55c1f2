import { create } from '@bufbuild/protobuf';
import { WorkflowSchema } from '@stigmer/proto/agentic/workflow/v1/api';
import { outlineOf } from './outline';
import { workflowRun, type TaskSketch } from './testing/workflow-runs';

const outline = (tasks: readonly TaskSketch[]) => {
  const { run } = workflowRun(tasks).snapshot;
  if (run?.case !== 'workflow') throw new Error('not a workflow');
  return outlineOf(create(WorkflowSchema, run.value.workflow), 60);
};
const set = (name: string, then?: string): TaskSketch => ({
  name,
  kind: 'SET',
  config: { variables: {} },
  then,
});

describe('the outline of a workflow', () => {
  it('holds names, flow, waits and cases, and nothing of the configuration', () => {
    const tasks = [
      set('a', 'end'),
      { name: 'w', kind: 'WAIT', config: { seconds: 3 } },
      { name: 's', kind: 'SWITCH', config: { cases: [{ name: 'x', when: '${ .input.x }', then: 'a' }] } },
      {
        name: 'h',
        kind: 'HTTP_CALL',
        config: { method: 'GET', endpoint: { uri: 'http://x' }, headers: { A: '${.secrets.S}' } },
      },
    ] as const;
    expect(outline(tasks)).toEqual({
      timeLimitSeconds: 60,
      tasks: [
        { name: 'a', then: 'end' },
        { name: 'w', then: '', waitSeconds: 3 },
        { name: 's', then: '', cases: ['a'] },
        { name: 'h', then: '' },
      ],
    });
  });

  it('names all that is wrong with the flow, before anything runs', () => {
    const tasks = [
      set('a', 'nowhere'),
      set('a'),
      { name: 'f', kind: 'FOR', config: {} },
      { name: 's', kind: 'SWITCH', config: { cases: [{ name: 'x', then: 'lost' }] } },
    ] as const;
    expect(() => outline(tasks)).toThrow(
      'two tasks are called a; a: then leads to nowhere, and there is no such task; ' +
        'f: this runner does not run tasks of kind FOR; s: then leads to lost, and there is no such task',
    );
    expect(() => outline([])).toThrow(/no tasks/);
  });
});
