import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { DomainError, unavailable } from '@stigmer/domain';
import { freePort } from '@stigmer/embedded';
import { Layer, Severity, type TemplateSchema } from '@stigmer/proto/agentic/resolver/v1/io';
import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import { RunResolver } from '@stigmer/proto/internal/v1/run_resolver';
import { type RunningService, serviceClient, type ServiceName } from '@stigmer/service';
import { testIdentities } from '@stigmer/service/testing';
import { farSide, hold, resetFarSide, startFarSides } from './testing/far-sides';
import { startResolver } from './testing/resolver-service';

const keys = testIdentities();
let far: Awaited<ReturnType<typeof startFarSides>>;
let service: RunningService;
let address: string;
let log = '';

beforeAll(async () => {
  far = await startFarSides(keys);
  ({ running: service, address } = await startResolver(keys, far, (line) => {
    log += line;
  }));
});
afterAll(async () => {
  await service.close();
  await far.close();
});
beforeEach(() => {
  resetFarSide();
  log = '';
  hold({
    id: 'env-1',
    slug: 'base',
    org: 'acme',
    revision: 'v1',
    data: { REGION: { value: 'eu' }, TOKEN: { value: 'canary-base', isSecret: true }, DEBUG: { value: '' } },
  });
  hold({ id: 'env-2', slug: 'prod', org: 'acme', revision: 'v7', data: { REGION: { value: 'us' } } });
});

function as(name: ServiceName, at = address) {
  const options = { address: at, audience: 'resolver-service', identity: keys.identity(name) } as const;
  return {
    query: serviceClient(ResolverQueryController, options),
    runs: serviceClient(RunResolver, options),
  };
}

type TemplateInit = MessageInitShape<typeof TemplateSchema>;

const TEMPLATE: TemplateInit = {
  kind: 'Agent',
  id: 'agt-1',
  name: 'helper',
  envSpec: {
    data: {
      REGION: { value: 'nowhere', description: 'where to run' },
      TOKEN: { isSecret: true },
      EXTRA: { optional: true },
    },
  },
};

/** What a test says differently. */
interface Differently {
  readonly template?: TemplateInit;
  readonly environmentRefs?: { slug: string; org?: string }[];
  readonly runtimeEnv?: Record<string, { value: string; isSecret?: boolean }>;
}

function resolveInput(over: Differently = {}) {
  return { org: 'acme', template: TEMPLATE, environmentRefs: [{ slug: 'base' }, { slug: 'prod' }], ...over };
}

function prepareInput(over: Differently = {}) {
  return {
    ...resolveInput(),
    executionId: 'aex-1',
    creator: 'local',
    requestDigest: Buffer.from('digest'),
    expiresAt: timestampFromMs(Date.now() + 86_400_000),
    ...over,
  };
}

async function refusal(call: Promise<unknown>): Promise<DomainError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof DomainError)) throw new Error('was not refused as it should be', { cause: error });
  return error;
}

describe('explain', () => {
  it('merges template, environments in order, and runtime, and tells where each value comes from', async () => {
    const { variables, environments, diagnostics } = await as('gateway').query.explain(
      resolveInput({ runtimeEnv: { MODE: { value: 'fast' }, TOKEN: { value: '', isSecret: true } } }),
    );
    expect(diagnostics).toEqual([]);
    expect(environments.map(({ slug, revision }) => [slug, revision])).toEqual([
      ['base', 'v1'],
      ['prod', 'v7'],
    ]);
    expect(Object.keys(variables)).toEqual(['DEBUG', 'MODE', 'REGION', 'TOKEN']);
    expect(variables['REGION']).toMatchObject({
      value: 'us',
      description: 'where to run',
      origin: { layer: Layer.ENVIRONMENT, environmentId: 'env-2', environmentSlug: 'prod', revision: 'v7' },
      shadowed: [{ layer: Layer.ENVIRONMENT, environmentId: 'env-1' }, { layer: Layer.TEMPLATE }],
    });
    expect(variables['TOKEN']).toMatchObject({
      value: '********',
      isSecret: true,
      origin: { layer: Layer.RUNTIME },
    });
    expect(variables['DEBUG']).toMatchObject({ value: '', isSecret: false });
  });

  it('refuses more than 4 MiB before anything runs, counting secrets by their lengths alone', async () => {
    const secrets = (slug: string, count: number) => {
      const entries = Array.from({ length: count }, (_, i) => {
        return [`${slug}_${i}`, { value: 'x'.repeat(65_000), isSecret: true }] as const;
      });
      hold({ id: slug, slug, org: 'acme', data: Object.fromEntries(entries) });
    };
    secrets('A', 40);
    secrets('B', 24);
    const environmentRefs = [{ slug: 'A' }, { slug: 'B' }];
    const template = { name: 't' };
    const fits = await as('gateway').query.check(resolveInput({ template, environmentRefs }));
    expect(fits.diagnostics).toEqual([]);
    secrets('B', 25);
    const input = resolveInput({ template, environmentRefs });
    for (const call of [as('control-plane').query.explain(input), as('gateway').query.check(input)]) {
      const error = await refusal(call);
      expect(error).toMatchObject({ kind: 'invalid-argument', violations: [{ field: 'variables' }] });
      expect(error.message).toContain('at most 4194304 bytes');
    }
    // What is overridden does not count, and what is withheld from explain counts nothing.
    const runtimeEnv = { A_0: { value: '********', isSecret: true } };
    expect((await as('gateway').query.check({ ...input, runtimeEnv })).diagnostics).toEqual([]);
  });

  it('opens the environments in one call and redacted, so that no secret is decrypted', async () => {
    await as('gateway').query.explain(resolveInput());
    expect(farSide.opened).toHaveLength(1);
    expect(farSide.opened[0]).toMatchObject({ org: 'acme', redacted: true });
  });

  it('keeps a value to itself that a later layer makes secret by its name', async () => {
    const { variables } = await as('gateway').query.explain(
      resolveInput({ runtimeEnv: { TOKEN: { value: 'canary' } } }),
    );
    expect(variables['TOKEN']).toMatchObject({ value: '********', isSecret: true });
  });

  it("refuses a secret's value, naming the variable and not the value", async () => {
    const runtimeEnv = {
      A: { value: 'canary-1', isSecret: true },
      B: { value: '******** ', isSecret: true },
    };
    const error = await refusal(as('gateway').query.explain(resolveInput({ runtimeEnv })));
    expect(error).toMatchObject({ kind: 'invalid-argument', violations: [{ field: 'runtime_env["A"]' }] });
    expect(error.message + log).not.toContain('canary');
  });

  it('says everything that is wrong with a run, and still shows the rest', async () => {
    const { variables, diagnostics } = await as('gateway').query.explain(
      resolveInput({
        template: BROKEN,
        environmentRefs: [{ slug: 'prod' }, { slug: 'gone' }, { slug: 'lost', org: 'other' }],
      }),
    );
    expect(variables['REGION']?.value).toBe('us');
    expect(diagnostics.every(({ severity }) => severity === Severity.ERROR)).toBe(true);
    expect(diagnostics.map(({ code, server, field, variable }) => [code, server, field, variable])).toEqual(
      BROKEN_FINDINGS,
    );
    expect(diagnostics.map(({ message }) => message)).toEqual(
      expect.arrayContaining(['Environment not found: gone', 'Environment not found: other/lost']),
    );
    const checked = await as('control-plane').query.check(
      resolveInput({
        template: BROKEN,
        environmentRefs: [{ slug: 'prod' }, { slug: 'gone' }, { slug: 'lost', org: 'other' }],
      }),
    );
    expect(checked.diagnostics).toEqual(diagnostics);
  });
});

/** One of each kind of mistake. */
const BROKEN: TemplateInit = {
  kind: 'Workflow',
  name: 'broken',
  envSpec: {
    data: {
      TOKEN: { isSecret: true },
      NEEDED: {},
      KEY: { isSecret: true, optional: true },
      PLAIN: { value: 'x' },
    },
  },
  mcpServers: [
    {
      name: 'files',
      serverType: {
        case: 'stdio',
        value: {
          command: 'run ${TOKEN}',
          args: ['${REGION}'],
          envPlaceholders: { A: '${TOKEN}', B: '${REGIO}', C: '${1}' },
        },
      },
    },
    {
      name: 'web',
      serverType: {
        case: 'http',
        value: {
          url: 'https://${REGION}',
          headers: { Authorization: 'Bearer ${KEY}' },
          queryParams: { q: '${NOPE:-no}' },
        },
      },
    },
    { name: 'box', serverType: { case: 'docker', value: { image: 'i', envPlaceholders: { X: '${' } } } },
  ],
  variableUses: [
    { location: 'tasks[0] a: x', name: 'PLAIN', secret: true },
    { location: 'tasks[1] b: x', name: 'NEEDED', secret: false },
    { location: 'tasks[2] c: x', name: 'PLAINE', secret: false },
    { location: 'tasks[3] d: x', name: 'KEY', secret: true },
  ],
};
const BROKEN_FINDINGS = [
  ['missing-environment', '', 'environment_refs', ''],
  ['missing-environment', '', 'environment_refs', ''],
  ['missing-variable', '', '', 'NEEDED'],
  ['missing-variable', '', '', 'TOKEN'],
  ['placeholder-not-allowed', 'files', 'command', ''],
  ['placeholder-not-allowed', 'files', 'args[0]', ''],
  ['unknown-variable', 'files', 'env_placeholders.B', 'REGIO'],
  ['bad-placeholder', 'files', 'env_placeholders.C', ''],
  ['placeholder-not-allowed', 'web', 'url', ''],
  ['unknown-variable', 'web', 'headers.Authorization', 'KEY'],
  ['bad-placeholder', 'box', 'env_placeholders.X', ''],
  ['plain-variable-as-secret', '', 'tasks[0] a: x', 'PLAIN'],
  ['unknown-variable', '', 'tasks[2] c: x', 'PLAINE'],
];

describe('prepare', () => {
  it('creates the context with the merged values and answers provenance without a secret', async () => {
    const prepared = await as('control-plane').runs.prepare(
      prepareInput({
        runtimeEnv: { PASSWORD: { value: 'canary-run', isSecret: true }, REGION: { value: 'asia' } },
      }),
    );
    expect(farSide.opened[0]?.redacted).toBe(false);
    const [created] = farSide.created;
    expect(created).toMatchObject({ executionId: 'aex-1', org: 'acme', creator: 'local' });
    expect(created?.requestDigest).toEqual(new Uint8Array(Buffer.from('digest')));
    expect(created?.data).toMatchObject({
      TOKEN: { value: 'canary-base', isSecret: true },
      PASSWORD: { value: 'canary-run', isSecret: true },
      REGION: { value: 'asia', isSecret: false },
      DEBUG: { value: '', isSecret: false },
    });
    expect(prepared.contextId).toBe('exec-1');
    expect(prepared.variables['TOKEN']).toMatchObject({ value: '********', isSecret: true });
    expect(
      JSON.stringify(prepared, (_key, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      ) + log,
    ).not.toContain('canary');
  });

  it('makes a value secret that any layer calls secret', async () => {
    await as('control-plane').runs.prepare(prepareInput({ runtimeEnv: { TOKEN: { value: 'plain' } } }));
    expect(farSide.created[0]?.data['TOKEN']).toMatchObject({ value: 'plain', isSecret: true });
  });

  it('refuses a run with everything that is wrong in one answer, and creates nothing', async () => {
    const error = await refusal(
      as('control-plane').runs.prepare(
        prepareInput({
          template: BROKEN,
          environmentRefs: [{ slug: 'prod' }, { slug: 'gone' }, { slug: 'lost', org: 'other' }],
        }),
      ),
    );
    expect(error.kind).toBe('failed-precondition');
    expect(error.violations).toHaveLength(BROKEN_FINDINGS.length);
    expect(error.message).toContain('Environment not found: gone');
    expect(error.violations).toContainEqual({
      field: 'files env_placeholders.B',
      description: expect.stringContaining('did you mean REGION?') as string,
    });
    expect(farSide.created).toEqual([]);
  });

  it('asks no environment-service where the run refers to no environment', async () => {
    await as('control-plane').runs.prepare(
      prepareInput({ environmentRefs: [], runtimeEnv: { TOKEN: { value: 'x', isSecret: true } } }),
    );
    expect(farSide.opened).toEqual([]);
    expect(farSide.created).toHaveLength(1);
  });

  it('refuses a template that carries the value of a secret, naming the key', async () => {
    const template = { name: 't', envSpec: { data: { TOKEN: { value: 'canary', isSecret: true } } } };
    const error = await refusal(as('control-plane').runs.prepare(prepareInput({ template })));
    expect(error).toMatchObject({ kind: 'invalid-argument', violations: [{ field: 'TOKEN' }] });
    expect(error.message + log).not.toContain('canary');
  });

  it('refuses illegal names, oversized values and too many variables, naming the key or the limit', async () => {
    const prepare = (runtimeEnv: Record<string, { value: string }>) =>
      refusal(
        as('control-plane').runs.prepare(
          prepareInput({ runtimeEnv: { ...runtimeEnv, TOKEN: { value: 'x' } } }),
        ),
      );
    expect((await prepare({ '1BAD': { value: 'x' } })).message).toContain('"1BAD"');
    expect((await prepare({ BIG: { value: 'x'.repeat(65_537) } })).message).toContain('BIG');
    const many = Object.fromEntries(Array.from({ length: 5_001 }, (_, i) => [`K${i}`, { value: 'x' }]));
    expect(await prepare(many)).toMatchObject({
      kind: 'invalid-argument',
      message: expect.stringContaining('5000') as string,
    });
    const large = Object.fromEntries(
      Array.from({ length: 70 }, (_, i) => [`K${i}`, { value: 'x'.repeat(65_000) }]),
    );
    expect(await prepare(large)).toMatchObject({
      kind: 'invalid-argument',
      message: expect.stringContaining('4194304') as string,
    });
    expect(farSide.created).toEqual([]);
  });

  it('is for the control-plane alone', async () => {
    for (const caller of ['gateway', 'workflow-runner', 'environment-service'] as const) {
      expect(await refusal(as(caller).runs.prepare(prepareInput()))).toMatchObject({
        kind: 'permission-denied',
      });
    }
  });
});

const DAY = 86_400_000;

/** `base`, as `prod` imports it, says the last word on REGION; its TOKEN expires. */
function holdImported(expiresIn = 400 * DAY): void {
  const TOKEN = { value: 'canary-base', isSecret: true, expiresAt: timestampFromMs(Date.now() + expiresIn) };
  const data = { REGION: { value: 'eu', final: true }, TOKEN };
  hold({ id: 'env-1', slug: 'base', org: 'acme', revision: 'v1', via: ['prod'], data });
  hold({ id: 'env-2', slug: 'prod', org: 'acme', revision: 'v7', data: { ZONE: { value: 'a' } } });
}

describe('environments with imports, final variables and values that expire', () => {
  it('are shown with all of that, by explain and by prepare alike', async () => {
    holdImported();
    const explained = await as('gateway').query.explain(resolveInput());
    const prepared = await as('control-plane').runs.prepare(prepareInput());
    expect(prepared.variables).toEqual(explained.variables);
    expect(explained.variables['REGION']).toMatchObject({
      value: 'eu',
      final: true,
      origin: { environmentSlug: 'base', via: ['prod'] },
      shadowed: [{ layer: Layer.TEMPLATE, via: [] }],
    });
    expect(explained.variables['TOKEN']?.expiresAt?.seconds).toBeGreaterThan(Date.now() / 1_000);
    expect(explained.variables['ZONE']).toMatchObject({ final: false, origin: { via: [] } });
    expect(explained.environments.map(({ slug, via }) => [slug, via])).toEqual([
      ['base', ['prod']],
      ['prod', []],
    ]);
    expect(prepared.environments).toEqual(explained.environments);
    expect(prepared.warnings).toEqual([]);
  });

  it('refuse a run that overrides what is final, naming both layers', async () => {
    holdImported();
    const over = { runtimeEnv: { REGION: { value: 'canary-own' } } };
    const error = await refusal(as('control-plane').runs.prepare(prepareInput(over)));
    expect(error.kind).toBe('failed-precondition');
    expect(error.message).toContain(
      "REGION is final in environment base (via prod): the run's own values may not override it",
    );
    expect(error.message + log).not.toContain('canary');
    expect(farSide.created).toEqual([]);
    const { diagnostics } = await as('gateway').query.check(resolveInput(over));
    expect(diagnostics.map(({ code, variable }) => [code, variable])).toEqual([
      ['final-overridden', 'REGION'],
    ]);
  });

  it('refuse a run that would get an expired value, and warn of one that soon will', async () => {
    holdImported(-1_000);
    const error = await refusal(as('control-plane').runs.prepare(prepareInput()));
    expect(error).toMatchObject({ kind: 'failed-precondition', violations: [{ field: 'TOKEN' }] });
    expect(error.message).toMatch(/TOKEN of environment base \(via prod\) expired at 20\d\d-/);
    expect(farSide.created).toEqual([]);
    holdImported(DAY);
    const { warnings } = await as('control-plane').runs.prepare(prepareInput());
    expect(warnings).toMatchObject([
      { code: 'expiring-variable', severity: Severity.WARNING, variable: 'TOKEN' },
    ]);
    expect((await as('gateway').query.explain(resolveInput())).diagnostics).toEqual(warnings);
    expect(log).not.toContain('canary');
    // A run's own value takes its place, and does not expire.
    const own = prepareInput({ runtimeEnv: { TOKEN: { value: 'x', isSecret: true } } });
    expect((await as('control-plane').runs.prepare(own)).warnings).toEqual([]);
  });

  it('refuse a run whose imports lead nowhere, with the path of each', async () => {
    holdImported();
    farSide.importProblems = [
      { code: 'missing-import', path: ['prod', 'gone'] },
      { code: 'import-cycle', path: ['prod', 'base', 'prod'] },
      { code: 'of-a-later-version', path: ['prod', 'odd'] },
    ];
    const error = await refusal(as('control-plane').runs.prepare(prepareInput()));
    expect(error).toMatchObject({ kind: 'failed-precondition', violations: [{}, {}, {}] });
    expect(error.message).toContain('prod → base → prod go round in a circle');
    const { diagnostics } = await as('gateway').query.check(resolveInput());
    expect(diagnostics.map(({ code }) => code)).toEqual(farSide.importProblems.map(({ code }) => code));
    expect(farSide.created).toEqual([]);
  });

  it('have a template beside them, whose values may be final and may expire too', async () => {
    const expiresAt = timestampFromMs(Date.now() - 1_000);
    const data = { MODE: { value: 'fast', final: true }, OLD: { value: 'x', expiresAt } };
    const input = resolveInput({
      template: { name: 't', envSpec: { data } },
      runtimeEnv: { MODE: { value: '' } },
    });
    const { diagnostics } = await as('gateway').query.explain(input);
    expect(diagnostics.map(({ message }) => message)).toEqual([
      `MODE is final in template "t": the run's own values may not override it`,
      expect.stringMatching(/^OLD of template "t" expired at /) as string,
    ]);
    const imports = { name: 't', envSpec: { imports: [{ slug: 'base' }] } };
    expect(await refusal(as('gateway').query.explain(resolveInput({ template: imports })))).toMatchObject({
      kind: 'invalid-argument',
      violations: [{ field: 'template.env_spec.imports' }],
    });
    const never = { OLD: { value: 'x', expiresAt: { seconds: 10n ** 15n } } };
    expect(
      await refusal(
        as('gateway').query.explain(resolveInput({ template: { name: 't', envSpec: { data: never } } })),
      ),
    ).toMatchObject({
      kind: 'invalid-argument',
      violations: [{ field: 'template.env_spec.data["OLD"].expires_at' }],
    });
  });
});

describe('a part that is down', () => {
  it('is UNAVAILABLE by its name, for the caller to retry, and nothing is created', async () => {
    farSide.failure = unavailable('the database does not answer');
    expect(await refusal(as('control-plane').runs.prepare(prepareInput()))).toMatchObject({
      kind: 'unavailable',
    });
    expect(farSide.created).toEqual([]);
  });

  it('is UNAVAILABLE when it is the context service', async () => {
    const contexts = `127.0.0.1:${await freePort()}`;
    const { running, address: at } = await startResolver(keys, { ...far, contexts });
    try {
      expect(await refusal(as('control-plane', at).runs.prepare(prepareInput()))).toMatchObject({
        kind: 'unavailable',
      });
    } finally {
      await running.close();
    }
  });
});
