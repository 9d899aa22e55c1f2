import { toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { formatProblem, ManifestError } from './problem';
import { readManifests } from './read-resource';

const read = (text: string) => readManifests('file.yaml', text, 'acme');

/** The resources of a text as plain JSON, in the contract's field names. */
const json = (text: string) =>
  read(text).map(({ kind, resource }) => toJson(kind.schema, resource, { useProtoFieldName: true }));

/** What is wrong with a text, one line each. */
function problems(text: string): readonly string[] {
  try {
    read(text);
    return [];
  } catch (error) {
    if (error instanceof ManifestError) return error.problems.map(formatProblem);
    throw error;
  }
}

const environment = (spec: string): string =>
  `apiVersion: agentic.stigmer.ai/v1\nkind: Environment\nmetadata: { name: e }\nspec:\n${spec}`;
const instance = (refs: string): string =>
  `apiVersion: agentic.stigmer.ai/v1\nkind: AgentInstance\nmetadata: { name: i }\nspec: { agent_id: a, environment_refs: [${refs}] }`;
const task = (kind: string): string =>
  `apiVersion: agentic.stigmer.ai/v1\nkind: Workflow\nmetadata: { name: w }\nspec: { tasks: [{ name: t, kind: ${kind} }] }`;

describe('an environment in a file', () => {
  it('may import others, by their name or at a version', () => {
    const [resource] = json(
      environment('  imports: [base, team@stable, { id: env-x, version: 3 }, { slug: y, version: v1 }]'),
    );
    const kind = 'environment';
    expect(resource).toMatchObject({
      spec: {
        imports: [
          { kind, slug: 'base' },
          { kind, slug: 'team', version: 'stable' },
          { kind, slug: 'env-x', version: '3' },
          { kind, slug: 'y', version: 'v1' },
        ],
      },
    });
    expect(json(instance('prod@12'))).toMatchObject([
      { spec: { environment_refs: [{ kind, slug: 'prod', version: '12' }] } },
    ]);
  });

  it('may have values that are final and that expire', () => {
    const [resource] = json(
      environment('  data: { A: { value: 1, final: true, expiresAt: 2027-01-31t01:00:00.5+01:00 } }'),
    );
    expect(resource).toMatchObject({
      spec: { data: { A: { value: '1', final: true, expires_at: '2027-01-31T00:00:00.500Z' } } },
    });
  });

  it.each(['tomorrow', '2027-01-31', '30d', '[1]', '1'])('that expires %s is told its place', (time) => {
    expect(problems(environment(`  data:\n    A: { value: 1, expires_at: ${time} }`))).toEqual([
      'file.yaml:6:32: spec.data["A"].expires_at: has to be a time such as 2027-01-31T00:00:00Z',
    ]);
  });
});

describe('a resource in a file', () => {
  it('is completed: the version of the wire, the organization as owner and the org of the command line', () => {
    const [resource] = json('apiVersion: ai.stigmer.agentic/v1\nkind: Environment\nmetadata: { name: e }');
    expect(resource).toEqual({
      api_version: 'agentic.stigmer.ai/v1',
      kind: 'Environment',
      metadata: { name: 'e', org: 'acme', owner_scope: 'organization' },
    });
  });

  it('keeps the org and the owner that it names itself', () => {
    const [resource] = json(
      'apiVersion: agentic.stigmer.ai/v1\nkind: Environment\nmetadata: { name: e, org: x, owner_scope: identity_account }',
    );
    expect(resource).toMatchObject({ metadata: { org: 'x', owner_scope: 'identity_account' } });
  });

  it('gives an execution context no owner scope, as the contract wants it', () => {
    const [resource] = json(
      'apiVersion: agentic.stigmer.ai/v1\nkind: ExecutionContext\nmetadata: { name: c }\nspec: { execution_id: x }',
    );
    expect(resource).toMatchObject({ metadata: { name: 'c' } });
    expect(resource).not.toHaveProperty('metadata.owner_scope');
  });

  it('may be spelt in snake case or camel case, and be JSON', () => {
    const snake = json(environment('  data: { A: { value: x, is_secret: true } }'));
    const camel = json(
      environment('  data: { A: { value: x, isSecret: true } }').replace('apiVersion', 'api_version'),
    );
    const asJson = json(
      '{"apiVersion": "agentic.stigmer.ai/v1", "kind": "Environment", "metadata": {"name": "e"}, "spec": {"data": {"A": {"value": "x", "isSecret": true}}}}',
    );
    expect(camel).toEqual(snake);
    expect(asJson).toEqual(snake);
  });

  it('keeps a text exactly as it was written, without quotes too', () => {
    const [resource] = json(
      environment(
        '  data: { PORT: { value: 8080 }, V: { value: 1.10 }, ON: { value: true }, HEX: { value: 0x1F }, E: { value: "" }, N: }',
      ),
    );
    expect(resource).toHaveProperty('spec.data', {
      PORT: { value: '8080' },
      V: { value: '1.10' },
      ON: { value: 'true' },
      HEX: { value: '0x1F' },
      E: {},
      N: {},
    });
  });

  it.each([
    '{ slug: prod }',
    '{ id: prod }',
    'prod',
    '{ slug: prod, kind: Environment }',
    '{ slug: prod, kind: environment }',
  ])('takes a reference as %s', (reference) => {
    expect(json(instance(reference))[0]).toHaveProperty('spec.environment_refs', [
      { kind: 'environment', slug: 'prod' },
    ]);
  });

  it('takes a field that holds one id in the same forms', () => {
    const [resource] = json(
      'apiVersion: agentic.stigmer.ai/v1\nkind: AgentInstance\nmetadata: { name: i }\nspec: { agent_id: { slug: reviewer } }',
    );
    expect(resource).toHaveProperty('spec.agent_id', 'reviewer');
  });

  it.each(['SET', 'set', 'WORKFLOW_TASK_KIND_SET', '1'])('takes the kind of a task as %s', (kind) => {
    expect(json(task(kind))[0]).toHaveProperty('spec.tasks[0].kind', 'WORKFLOW_TASK_KIND_SET');
  });

  it('keeps free-form parts as they are', () => {
    const text = task('SET').replace(
      'kind: SET',
      'kind: SET, task_config: { variables: { n: 1, list: [a, { b: null }] } }',
    );
    expect(json(text)[0]).toHaveProperty('spec.tasks[0].task_config', {
      variables: { n: 1, list: ['a', { b: null }] },
    });
  });

  it('may be written with anchors and aliases', () => {
    const [resource] = json(environment('  data: { A: &token { value: x, is_secret: true }, B: *token }'));
    expect(resource).toHaveProperty('spec.data.B', { value: 'x', is_secret: true });
  });

  it('is one of several in a text; empty documents do not count', () => {
    expect(
      read(`---\n${environment('  data: {}')}\n---\n# nothing\n---\n${task('SET')}`).map(
        ({ kind }) => kind.name,
      ),
    ).toEqual(['Environment', 'Workflow']);
  });

  it('loses the status that the server wrote', () => {
    expect(json(`${environment('  data: {}')}\nstatus: { audit: { anything: 1 } }`)[0]).not.toHaveProperty(
      'status',
    );
  });
});

describe('what is wrong with a file', () => {
  it.each<[string, string, string]>([
    [
      'an unknown field',
      environment('  dta: {}'),
      'file.yaml:5:3: spec.dta: unknown field; did you mean "data"?',
    ],
    [
      'an unknown field deep inside',
      environment('  data:\n    A: { vlue: x }'),
      'file.yaml:6:10: spec.data["A"].vlue: unknown field; did you mean "value"?',
    ],
    [
      'a field given twice in two spellings',
      environment('  data: { A: { is_secret: true, isSecret: false } }'),
      'file.yaml:5:33: spec.data["A"].is_secret: is given twice',
    ],
    [
      'a wrong type',
      environment('  data: { A: { value: [x] } }'),
      'file.yaml:5:23: spec.data["A"].value: has to be a text, not a list',
    ],
    [
      'no boolean',
      environment('  data: { A: { is_secret: "yes" } }'),
      'file.yaml:5:27: spec.data["A"].is_secret: has to be true or false',
    ],
    [
      'a list instead of a mapping',
      environment('  data: [A]'),
      'file.yaml:5:9: spec.data: has to be a mapping',
    ],
    [
      'an unknown kind of task',
      task('SETT'),
      'file.yaml:4:34: spec.tasks[0].kind: has to be one of SET, HTTP_CALL, GRPC_CALL, CALL_ACTIVITY, SWITCH, FOR, FORK, TRY, LISTEN, WAIT, RAISE, RUN, AGENT_CALL',
    ],
    [
      'an empty reference',
      instance('{ id: a, slug: b }'),
      'file.yaml:4:41: spec.environment_refs[0]: has both id and slug; give one of them',
    ],
    [
      'a key that sets the prototype',
      environment('  data: { __proto__: { value: x } }'),
      'file.yaml:5:11: spec.data["__proto__"]: is not a legal name',
    ],
    [
      'no name',
      'apiVersion: agentic.stigmer.ai/v1\nkind: Environment\nmetadata: {}',
      'file.yaml:3:11: metadata.name: is missing',
    ],
    [
      'an unknown version',
      environment('  data: {}').replace('agentic.stigmer.ai/v1', 'v2'),
      'file.yaml:1:13: apiVersion: has to be agentic.stigmer.ai/v1 or ai.stigmer.agentic/v1',
    ],
    [
      'a misspelt kind',
      environment('  data: {}').replace('kind: Environment', 'kind: environments'),
      'file.yaml:2:7: kind: is not known; did you mean "Environment"?',
    ],
    [
      'a kind that runs make',
      environment('  data: {}').replace('Environment', 'AgentExecution'),
      'file.yaml:2:7: kind: AgentExecution is made by a run, not by a file: see `stigmer agent execute --help`',
    ],
    [
      'two server types',
      'apiVersion: agentic.stigmer.ai/v1\nkind: Agent\nmetadata: { name: a }\nspec: { mcp_servers: [{ name: m, stdio: { command: c }, http: { url: u } }] }',
      'file.yaml:4:57: spec.mcp_servers[0].http: cannot stand beside stdio',
    ],
    [
      'a text instead of a resource',
      'hello',
      'file.yaml:1:1: a resource has to be a mapping with apiVersion, kind, metadata and spec',
    ],
  ])('%s is reported at its place, with its field', (_what, text, expected) => {
    expect(problems(text)).toEqual([expected]);
  });

  it('is reported all at once', () => {
    expect(problems(environment('  data: { A: { vlue: x, is_secret: 1 }, B: 2 }'))).toHaveLength(3);
  });

  it('includes malformed YAML, by line and in words that quote nothing', () => {
    expect(problems(environment('  data:\n    A: "ghp_unclosed'))[0]).toMatch(
      /^file\.yaml:\d+:\d+: malformed YAML: /,
    );
    expect(problems('a: b: c')[0]).toMatch(/^file\.yaml:1:\d+: malformed YAML: /);
    expect(problems('a: [1, 2\nb: 3')[0]).toMatch(/^file\.yaml:\d+:\d+: malformed YAML: /);
    expect(problems('a: !secret ghp_x')[0]).toBe('file.yaml:1:4: malformed YAML: unknown tag');
  });

  it('names no key that looks like a credential', () => {
    expect(problems(environment('  ghp_0123456789abcdefghij: {}'))).toEqual([
      'file.yaml:5:3: spec.…: unknown field',
    ]);
  });

  it('includes aliases that expand without end', () => {
    const bomb = Array.from(
      { length: 12 },
      (_, level) =>
        `a${level}: &a${level} [${Array.from({ length: 9 }, () => (level === 0 ? 'x' : `*a${level - 1}`)).join(', ')}]`,
    );
    expect(problems(bomb.join('\n'))).toEqual([
      'file.yaml:1:1: the document repeats itself by aliases, or nests, without end',
    ]);
  });

  it('never shows a value, wherever the file is broken', () => {
    const secret = 'hunter2';
    const whole = environment(`  data:\n    TOKEN:\n      value: "${secret}"\n      is_secret: true\n`);
    const broken = fc.record({
      at: fc.nat(whole.length),
      cut: fc.nat(3),
      insert: fc.constantFrom(
        '',
        '"',
        "'",
        ':',
        '{',
        '[',
        ']',
        '}',
        '&',
        '*',
        '!',
        '|',
        '\t',
        '\n',
        '- ',
        '#',
        '%',
        '\\',
      ),
    });
    fc.assert(
      fc.property(broken, ({ at, cut, insert }) => {
        const text = whole.slice(0, at) + insert + whole.slice(at + cut);
        // Where the break makes a key of the value, the key is named: then it is a field, not a value.
        for (const problem of problems(text))
          expect(problem.replace(/^[^ ]+ [^ ]+: unknown field.*$/, '')).not.toContain(secret);
      }),
      { numRuns: 500 },
    );
  });
});
