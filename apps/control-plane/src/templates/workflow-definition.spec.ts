import { create, type JsonObject } from '@bufbuild/protobuf';
import { WorkflowSpecSchema } from '@stigmer/proto/agentic/workflow/v1/spec';
import { WorkflowTaskKind } from '@stigmer/proto/commons/apiresource/enum';
import { definitionFaults, needsOf } from './workflow-definition';

const DAY = 86_400;
const WEEK = 7 * DAY;
const { SET, HTTP_CALL, SWITCH, WAIT, RAISE, CALL_ACTIVITY } = WorkflowTaskKind;

interface TaskInit {
  readonly name?: string;
  readonly kind?: number;
  readonly taskConfig: JsonObject;
  readonly then?: string;
  readonly export?: string;
}

function specOf(...tasks: readonly TaskInit[]) {
  return create(WorkflowSpecSchema, {
    tasks: tasks.map(({ name = 'step', kind = WAIT, taskConfig, then, export: as }) => ({
      name,
      kind,
      taskConfig,
      ...(then === undefined ? {} : { flow: { then } }),
      ...(as === undefined ? {} : { export: { as } }),
    })),
  });
}

const faultsOf = (...tasks: readonly TaskInit[]) =>
  definitionFaults(specOf(...tasks), WEEK).map(({ description }) => description);
const http = (config: JsonObject = {}): TaskInit => ({
  name: 'call',
  kind: HTTP_CALL,
  taskConfig: { method: 'POST', endpoint: { uri: 'https://api.test/v1' }, ...config },
});
const callTool = (input: JsonObject): TaskInit => ({
  name: 'tool',
  kind: CALL_ACTIVITY,
  taskConfig: {
    activity: 'mcp/call-tool',
    input: { server: { name: 's', stdio: { command: 'run' } }, tool: 't', ...input },
  },
});
const wait = (name: string, seconds: number, then?: string): TaskInit => ({
  name,
  taskConfig: { seconds },
  ...(then === undefined ? {} : { then }),
});

describe('a workflow definition', () => {
  it('is accepted with each kind of task that the runner runs', () => {
    expect(
      faultsOf(
        { name: 'set', kind: SET, taskConfig: { variables: { a: '${ .input.a }' } } },
        http({
          headers: { Authorization: 'Bearer ${.secrets.TOKEN}' },
          body: { text: '${.env_vars.TEXT}' },
          timeout_seconds: 5,
        }),
        {
          name: 'choose',
          kind: SWITCH,
          taskConfig: {
            cases: [
              { name: 'yes', when: '${ .output.ok }', then: 'end' },
              { name: 'no', then: 'tool' },
            ],
          },
        },
        callTool({ arguments: { key: '${.secrets.TOKEN}' } }),
        wait('pause', 60, 'continue'),
        { name: 'fail', kind: RAISE, taskConfig: { error: 'Broken', message: 'it broke: ${ .output }' } },
      ),
    ).toEqual([]);
  });

  it.each(['GRPC_CALL', 'FOR', 'FORK', 'TRY', 'LISTEN', 'RUN', 'AGENT_CALL'] as const)(
    'refuses %s by name as not supported yet',
    (name) => {
      expect(faultsOf({ name: 'later', kind: WorkflowTaskKind[name], taskConfig: {} })).toEqual([
        `later: ${name} is not supported yet`,
      ]);
    },
  );

  it('refuses a whole Serverless Workflow document, as not supported yet', () => {
    const spec = create(WorkflowSpecSchema, { definition: { do: [] } });
    expect(definitionFaults(spec, WEEK)).toMatchObject([{ field: 'spec.definition' }]);
  });

  it('refuses a kind that nothing is known of', () => {
    expect(faultsOf({ kind: 99, taskConfig: {} })[0]).toContain('99 is unknown');
    expect(faultsOf({ kind: 0, taskConfig: {} })[0]).toContain('must be one of SET');
  });

  it('finds every problem of every task at once, each with the task’s name', () => {
    const faults = faultsOf(
      { name: 'set', kind: SET, taskConfig: { variables: { a: '${ .b' } } },
      { name: 'set', kind: HTTP_CALL, taskConfig: { method: 'FETCH', endpoint: { uri: '' } } },
      { name: 'end', taskConfig: { seconds: 5 }, then: 'sett' },
    );
    expect(faults).toEqual([
      'set: variables.a: an expression begins with ${ and is never closed with }',
      expect.stringMatching(/^set: task_config\.method: /),
      expect.stringMatching(/^set: task_config\.endpoint\.uri: /),
      'set: name: is already the name of another task',
      'end: name: means something else as a target',
      'end: flow.then: must be the name of a task; did you mean set?',
    ]);
  });

  it.each<[string, TaskInit, string]>([
    ['a field the kind does not have', http({ retries: 3 }), 'call: task_config: has no field "retries"'],
    [
      'a value of the wrong type',
      http({ headers: 'canary-text' }),
      'call: task_config: headers: has the wrong type for HttpCallTaskConfig',
    ],
    ['a timeout out of bounds', http({ timeout_seconds: 301 }), 'call: task_config.timeout_seconds: '],
    ['a body of a GET', http({ method: 'GET', body: {} }), 'call: body: a GET request has none'],
    ['a wait of no time', { taskConfig: { seconds: 0 } }, 'step: task_config.seconds: '],
    [
      'an activity nobody has',
      { kind: CALL_ACTIVITY, taskConfig: { activity: 'x/y' } },
      'step: task_config.activity: is unknown',
    ],
    ['a tool call without a tool', callTool({ tool: 7 }), 'tool: task_config.input.tool: must name a tool'],
    [
      'arguments that are no object',
      callTool({ arguments: [] }),
      'tool: task_config.input.arguments: must be an object',
    ],
    [
      'an input the activity does not have',
      callTool({ extra: 1 }),
      'tool: task_config.input: has no field "extra"',
    ],
    [
      'a server that is none',
      callTool({ server: { stdio: { command: 'run' } } }),
      'tool: task_config.input.server',
    ],
    [
      'a placeholder in a command',
      callTool({ server: { name: 's', stdio: { command: '${X}' } } }),
      'tool: input.server.command: ',
    ],
    [
      'a condition that is no expression',
      { kind: SWITCH, taskConfig: { cases: [{ name: 'a', when: 'yes', then: 'end' }] } },
      'step: cases[0].when: must be one expression',
    ],
    [
      'an export that is a plain text',
      { ...wait('step', 1), export: 'result' },
      'step: export.as: must be one',
    ],
    [
      'an export with a text around its expression',
      { ...wait('step', 1), export: 'x ${ .a }' },
      'step: export.as: must be one',
    ],
    [
      'an export of two expressions',
      { ...wait('step', 1), export: '${ .a }${ .b }' },
      'step: export.as: must be one',
    ],
    [
      'a case that leads nowhere',
      { kind: SWITCH, taskConfig: { cases: [{ name: 'a', then: 'nowhere' }] } },
      'step: task_config.cases[0].then: must be the name of a task',
    ],
  ])('refuses %s, without quoting it', (_what, task, fault) => {
    const faults = faultsOf(task);
    expect(faults).toEqual([expect.stringContaining(fault)]);
    expect(faults.join()).not.toContain('canary');
  });

  it.each(['env', '$ENV', '[inputs]', '.x | debug', '"\\(env)"', 'import "a" as a; .'])(
    'refuses %s in an expression, with the task and the field named',
    (program) => {
      const reason = / is not available in an expression$/;
      expect(faultsOf(http({ headers: { X: `a \${ ${program} }` } }))).toEqual([
        expect.stringMatching(/^call: headers\.X: /),
      ]);
      const others: readonly TaskInit[] = [
        { ...http(), name: 'step', export: `\${ ${program} }` },
        { kind: SET, taskConfig: { variables: { a: `\${ ${program} }` } } },
        { kind: SWITCH, taskConfig: { cases: [{ name: 'a', when: `\${ ${program} }`, then: 'end' }] } },
      ];
      for (const task of others) {
        expect(faultsOf(task)).toEqual([expect.stringMatching(reason)]);
      }
    },
  );

  it.each<[string, TaskInit]>([
    ['SET', { kind: SET, taskConfig: { variables: { a: '${.secrets.TOKEN}' } } }],
    ['RAISE', { kind: RAISE, taskConfig: { error: 'E', message: '${.secrets.TOKEN}' } }],
    ['what is exported', { ...http(), export: '${ .secrets.TOKEN }' }],
    ['the whole of a URI', http({ endpoint: { uri: '${.secrets.TOKEN}' } })],
    ['the host of a URI', http({ endpoint: { uri: 'https://${.secrets.TOKEN}.test/' } })],
    ['the name of a tool', callTool({ tool: '${.secrets.TOKEN}' })],
  ])('refuses a secret in %s', (_where, task) => {
    expect(faultsOf(task)).toEqual([expect.stringContaining('the secret TOKEN cannot be used here')]);
  });

  it.each<[string, TaskInit]>([
    ['the path of a URI', http({ endpoint: { uri: 'https://hooks.test/${.secrets.TOKEN}' } })],
    [
      'a URI whose host an expression decides',
      http({ endpoint: { uri: '${.env_vars.HOST}/${.secrets.TOKEN}' } }),
    ],
    [
      'a condition',
      {
        kind: SWITCH,
        taskConfig: { cases: [{ name: 'a', when: '${ .secrets.TOKEN == "" }', then: 'end' }] },
      },
    ],
  ])('allows a secret in %s', (_where, task) => {
    expect(faultsOf(task)).toEqual([]);
  });

  it('refuses waits that alone outlive every context', () => {
    expect(faultsOf(wait('a', WEEK))).toEqual([]);
    expect(faultsOf(wait('a', WEEK + 1))).toEqual([expect.stringContaining(`at most ${WEEK} s`)]);
    expect(faultsOf(wait('a', 4 * DAY), wait('b', 4 * DAY))).toHaveLength(1);
  });

  it('counts waits along the ways a run can take: alternatives are not added up, jumps back not followed', () => {
    const choose: TaskInit = {
      name: 'choose',
      kind: SWITCH,
      taskConfig: { cases: [{ name: 'x', when: '${ .x }', then: 'b' }] },
    };
    expect(faultsOf({ ...choose, then: 'a' }, wait('a', 4 * DAY, 'end'), wait('b', 4 * DAY))).toEqual([]);
    expect(faultsOf(wait('a', 4 * DAY), wait('b', DAY, 'a'))).toEqual([]);
  });

  it('says which variables and servers a run needs', () => {
    const needs = needsOf(
      specOf(
        http({ headers: { Authorization: '${.secrets.A}' }, body: { b: ['x', '${.env_vars.B}'] } }),
        callTool({}),
      ),
    );
    expect(needs.variableUses.map(({ location, name, secret }) => ({ location, name, secret }))).toEqual([
      { location: 'tasks[0] call: headers.Authorization', name: 'A', secret: true },
      { location: 'tasks[0] call: body.b[1]', name: 'B', secret: false },
    ]);
    expect(needs.mcpServers.map(({ name }) => name)).toEqual(['s']);
  });
});
