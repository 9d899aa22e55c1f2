import { taskTexts, variableUses } from './workflow-task';

const call = {
  name: 'call',
  taskConfig: {
    headers: { Authorization: 'Bearer ${.secrets.A}' },
    body: { b: ['x', '${.env_vars.B}'], n: 1, t: true, z: null },
  },
  export: { as: '${ .env_vars.C }' },
};
const tool = {
  name: 'tool',
  taskConfig: {
    input: { server: { stdio: { env_placeholders: { T: '${TOKEN}' } } }, arguments: { s: '${.secrets.D}' } },
  },
};

test('the texts of a task are named as in its file, what it exports among them', () => {
  expect(taskTexts(call)).toEqual([
    { path: 'headers.Authorization', text: 'Bearer ${.secrets.A}' },
    { path: 'body.b[0]', text: 'x' },
    { path: 'body.b[1]', text: '${.env_vars.B}' },
    { path: 'export.as', text: '${ .env_vars.C }' },
  ]);
  expect(taskTexts({ name: 'empty' })).toEqual([]);
});

test('an MCP server’s definition holds placeholders, no expressions', () => {
  expect(taskTexts(tool)).toEqual([{ path: 'input.arguments.s', text: '${.secrets.D}' }]);
});

test('a workflow’s uses of variables are told with their task and place', () => {
  expect(variableUses([call, tool])).toEqual([
    { location: 'tasks[0] call: headers.Authorization', name: 'A', secret: true },
    { location: 'tasks[0] call: body.b[1]', name: 'B', secret: false },
    { location: 'tasks[0] call: export.as', name: 'C', secret: false },
    { location: 'tasks[1] tool: input.arguments.s', name: 'D', secret: true },
  ]);
});

test('a text that cannot be read names no variable', () => {
  expect(
    variableUses([{ name: 'bad', taskConfig: { a: '${ .env_vars.A }${ env }', b: '${.secrets.B' } }]),
  ).toEqual([]);
});
