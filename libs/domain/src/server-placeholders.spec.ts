import { DomainError } from './errors';
import { serverPlaceholders } from './mcp-server';
import { checkServer, resolveServer } from './server-placeholders';
import { thrownBy } from './testing/golden';

const VALUES = new Map([
  ['TOKEN', { text: 's3cret-canary', secret: true }],
  ['REGION', { text: 'eu', secret: false }],
]);

describe('a stdio server', () => {
  const github = serverPlaceholders({
    name: 'github',
    serverType: {
      case: 'stdio',
      value: {
        command: 'npx',
        args: ['-y', 'server'],
        envPlaceholders: { TOKEN: '${TOKEN}', WHERE: 'in ${REGION}', constructor: '1' },
        workingDir: '',
      },
    },
  });

  test('gets its texts by field, and which of them are secret', () => {
    expect([...resolveServer(github, VALUES)]).toEqual([
      ['env_placeholders.TOKEN', { text: 's3cret-canary', secret: true }],
      ['env_placeholders.WHERE', { text: 'in eu', secret: false }],
      ['env_placeholders.constructor', { text: '1', secret: false }],
    ]);
    expect(checkServer(github, VALUES)).toEqual([]);
  });
});

describe('placeholders where none may be', () => {
  const everywhere = [
    serverPlaceholders({
      name: 'a-${TOKEN}',
      serverType: {
        case: 'stdio',
        value: {
          command: '${TOKEN}',
          args: ['x', '--key=${TOKEN}'],
          envPlaceholders: { '${TOKEN}': '' },
          workingDir: '${TOKEN}',
        },
      },
    }),
    serverPlaceholders({
      name: 'b',
      serverType: {
        case: 'http',
        value: { url: 'http://x/${TOKEN}', headers: { '${TOKEN}': '' }, queryParams: { '${TOKEN}': '' } },
      },
    }),
    serverPlaceholders({
      name: 'c',
      serverType: {
        case: 'docker',
        value: {
          image: '${TOKEN}',
          args: ['${TOKEN}'],
          envPlaceholders: { '${TOKEN}': '' },
          volumes: [{ hostPath: '/x', containerPath: '/${TOKEN}' }],
          network: '${TOKEN}',
          containerName: '${TOKEN}',
        },
      },
    }),
  ];

  test('are refused in each such field of each kind of server', () => {
    const found = everywhere.flatMap((server) => checkServer(server, VALUES));
    expect(found.map(({ field }) => field)).toEqual([
      ...['name', 'command', 'args[1]', 'working_dir', 'env_placeholders (the name of an entry)'],
      ...['url', 'headers (the name of an entry)', 'query_params (the name of an entry)'],
      ...[
        'image',
        'args[0]',
        'volumes[0]',
        'network',
        'container_name',
        'env_placeholders (the name of an entry)',
      ],
    ]);
    expect(new Set(found.map(({ code, variable }) => `${code} ${variable ?? ''}`))).toEqual(
      new Set(['secret-not-allowed TOKEN']),
    );
  });

  test.each(['${REGION}', '${NOBODY}', '$${TOKEN}', '${', '${a b}'])(
    '%j is refused too, though it is no secret',
    (text) => {
      const found = checkServer({ name: 's', fields: [{ field: 'url', text, allowed: false }] }, VALUES);
      expect(found).toMatchObject([
        { code: 'placeholder-not-allowed', severity: 'error', server: 's', field: 'url' },
      ]);
    },
  );
});

describe('several problems', () => {
  const server = serverPlaceholders({
    name: 'api',
    serverType: {
      case: 'http',
      value: {
        url: 'http://x/${REGION}',
        headers: { Authorization: 'Bearer ${TOKN}', X: '${' },
        queryParams: { r: '${REGION}' },
      },
    },
  });

  test('are one error that names server, field, variable, reason and what was meant, and no value', () => {
    const error = thrownBy(() => resolveServer(server, VALUES)) as DomainError;
    expect(error.kind).toBe('failed-precondition');
    expect(error.violations).toEqual([
      {
        field: 'api url',
        description:
          'column 10: a placeholder cannot be used here; placeholders belong in env_placeholders, headers and query_params',
      },
      {
        field: 'api headers.Authorization',
        description: 'column 8: TOKN is not a variable of this run; did you mean TOKEN?',
      },
      {
        field: 'api headers.X',
        description: expect.stringContaining('column 1: a placeholder that begins here is never closed'),
      },
    ]);
    for (const { field, description } of error.violations)
      expect(error.message).toContain(`${field}: ${description}`);
    expect(error.message).not.toContain('canary');
  });
});

describe('a declared variable that nobody gives', () => {
  const server = { name: 's', fields: [{ field: 'headers.A', text: '${A}${B}${B:-x}', allowed: true }] };

  test('is reported where it is optional and has no default, and left to the merge where it is required', () => {
    const absent = new Map([
      ['A', 'required'],
      ['B', 'optional'],
    ] as const);
    expect(checkServer(server, VALUES, absent)).toMatchObject([
      {
        variable: 'B',
        message: 'column 5: B is optional and not given',
        hint: 'write ${B:-default}, or set it',
      },
    ]);
  });

  test('does not start a server', () => {
    expect(() => resolveServer(server, VALUES)).toThrow(DomainError);
  });
});

test('a definition without a server has a name only', () => {
  expect(serverPlaceholders({ name: 'x', serverType: { case: undefined } }).fields).toEqual([
    { field: 'name', text: 'x', allowed: false },
  ]);
});
