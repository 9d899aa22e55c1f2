import { randomBytes } from 'node:crypto';
import { REDACTED } from '@stigmer/domain';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import {
  type FakeUser,
  startEnvironmentService,
  startFakeControlPlane,
  type TestService,
} from './testing/environment-service';
import { environment, failure, idOf, kindOf, orgOf, raw } from './testing/environments';

const CANARY = 'canary-deleted-5d20';
const key = randomBytes(32).toString('base64');
let mongo: EmbeddedServer & { readonly url: string };
let controlPlane: Awaited<ReturnType<typeof startFakeControlPlane>>;
let service: TestService;
let gateway: ReturnType<TestService['as']>;
/** Nobody knows: the control plane is down. */
let users: readonly FakeUser[] | undefined = [];

beforeAll(async () => {
  mongo = await startMongo();
  controlPlane = await startFakeControlPlane(() => {
    if (users === undefined) throw new Error('down');
    return users;
  });
  service = await startEnvironmentService({ mongoUrl: mongo.url, key, controlPlane: controlPlane.address });
  gateway = service.as('gateway');
});

afterAll(async () => {
  await service.close();
  controlPlane.close();
  await mongo.stop();
});

async function write(id: string, value: string) {
  const variables = { A: { value, isSecret: true } };
  return gateway.commands.updateVariables({ environmentId: id, variables });
}

/** What is left of an environment's versions in the database. */
async function kept(lineage: string): Promise<number> {
  return raw(mongo.url, (db) => db.collection('revisions').countDocuments({ lineage }));
}

async function firstVersion(id: string): Promise<string> {
  return (await gateway.queries.history({ environmentId: id })).items.at(-1)?.id ?? '';
}

describe('Deleting an environment', () => {
  afterEach(() => {
    users = [];
  });

  it('that nobody uses answers with what was deleted, redacted', async () => {
    const made = await gateway.commands.create(environment({ T: { value: CANARY, isSecret: true } }));
    const gone = await gateway.commands.delete({ resourceId: idOf(made) });
    expect(gone.spec?.data['T']?.value).toBe(REDACTED);
    expect(await kindOf(gateway.queries.get({ value: idOf(made) }))).toBe('not-found');
    expect(await kindOf(gateway.commands.delete({ resourceId: idOf(made) }))).toBe('not-found');
  });

  it('that is in use is refused, naming the users, unless forced', async () => {
    const made = await gateway.commands.create(environment({}));
    users = [{ kind: 'AgentInstance', id: 'ain-1', slug: 'bot' }];
    const error = await failure(gateway.commands.delete({ resourceId: idOf(made) }));
    expect(error.kind).toBe('failed-precondition');
    expect(error.message).toContain('AgentInstance bot');
    await gateway.commands.delete({ resourceId: idOf(made), force: true });
    expect(await kindOf(gateway.queries.get({ value: idOf(made) }))).toBe('not-found');
  });

  it('is not decided while the control plane cannot say who uses it', async () => {
    const made = await gateway.commands.create(environment({}));
    users = undefined;
    expect(await kindOf(gateway.commands.delete({ resourceId: idOf(made) }))).toBe('unavailable');
    expect(idOf(await gateway.queries.get({ value: idOf(made) }))).toBe(idOf(made));
  });
});

describe('A deletion', () => {
  it('leaves nothing of the environment and its versions, and its id and slug are free', async () => {
    const id = `env-again-${randomBytes(4).toString('hex')}`;
    const resource = environment({ A: { value: CANARY, isSecret: true }, B: { value: CANARY } }, { id });
    await gateway.commands.create(resource);
    await write(id, 'two');
    const lineage = await firstVersion(id);
    expect(await kept(lineage)).toBe(1);
    await gateway.commands.delete({ resourceId: id, versionMessage: 'no longer used' });
    expect(await kept(lineage)).toBe(0);
    const rest = await raw(mongo.url, async (db) => {
      const names = ['environments', 'revisions', 'deletions'];
      return JSON.stringify(await Promise.all(names.map((name) => db.collection(name).find().toArray())));
    });
    expect(rest).not.toContain(CANARY);
    expect(service.lines.some((line) => line.includes('"message":"no longer used"'))).toBe(true);
    expect(await kindOf(gateway.queries.history({ environmentId: id }))).toBe('not-found');

    await gateway.commands.create(resource);
    expect((await gateway.queries.history({ environmentId: id })).items.map(({ number }) => number)).toEqual([
      1,
    ]);
  });

  it('that was interrupted leaves nothing to serve, and is finished by the next one', async () => {
    const made = await gateway.commands.create(environment({ A: { value: CANARY, isSecret: true } }));
    await write(idOf(made), 'two');
    const lineage = await firstVersion(idOf(made));
    // As after a crash a while ago, between the removal of the document and that of its versions.
    await raw(mongo.url, async (db) => {
      const at = new Date(Date.now() - 3_600_000);
      await db
        .collection<{ _id: string }>('deletions')
        .insertOne({ _id: lineage, environment: idOf(made), at } as never);
      await db.collection<{ _id: string }>('environments').deleteOne({ _id: idOf(made) });
    });
    expect(await kindOf(gateway.queries.history({ environmentId: idOf(made) }))).toBe('not-found');
    const other = await gateway.commands.create(environment({}, { org: orgOf(made) }));
    expect(await kept(lineage)).toBe(1);
    await gateway.commands.delete({ resourceId: idOf(other) });
    expect(await kept(lineage)).toBe(0);
  });

  it('that was announced and not done is forgotten, and what it was about stays whole', async () => {
    const made = await gateway.commands.create(environment({ A: { value: '1', isSecret: true } }));
    await write(idOf(made), 'two');
    const lineage = await firstVersion(idOf(made));
    await raw(mongo.url, (db) =>
      db
        .collection<{ _id: string }>('deletions')
        .insertOne({ _id: lineage, environment: idOf(made), at: new Date(0) } as never),
    );
    // A start finishes what was interrupted, too.
    await (await startEnvironmentService({ mongoUrl: mongo.url, key })).close();
    expect((await gateway.queries.history({ environmentId: idOf(made) })).items).toHaveLength(2);
    const pending = await raw(mongo.url, (db) =>
      db.collection<{ _id: string }>('deletions').countDocuments({ _id: lineage }),
    );
    expect(pending).toBe(0);
  });
});

describe('The environments that import one', () => {
  const named = async (
    name: string,
    org: string,
    imports: { slug: string; version?: string; org?: string }[],
  ) => gateway.commands.create(environment({}, { name, org }, { imports }));

  it('are told with the version they name, by whichever name they do, and are its users', async () => {
    const org = `imports-${randomBytes(4).toString('hex')}`;
    const base = await named('base', org, []);
    const one = await named('one', org, [{ slug: 'base' }]);
    await named('two', org, [
      { slug: idOf(base), version: '1' },
      { slug: 'env-base', org },
    ]);
    await named('unrelated', org, [{ slug: 'one' }]);
    const { items } = await gateway.queries.importers({ value: idOf(base) });
    expect(items.map(({ slug, version }) => `${slug}@${version}`)).toEqual(['one@', 'two@1', 'two@']);
    expect(items[0]?.id).toBe(idOf(one));

    const refused = await failure(gateway.commands.delete({ resourceId: idOf(base) }));
    expect(refused.kind).toBe('failed-precondition');
    expect(refused.message).toContain('is used by Environment one, Environment two');
    users = [{ kind: 'AgentInstance', id: 'ain-1', slug: 'bot' }];
    const both = await failure(gateway.commands.delete({ resourceId: idOf(base) }));
    expect(both.message).toContain('AgentInstance bot, Environment one');
    users = [];
    await gateway.commands.delete({ resourceId: idOf(base), force: true });
    expect(await kindOf(gateway.queries.importers({ value: idOf(base) }))).toBe('not-found');
  });

  it('do not include one whose import means another environment first', async () => {
    const org = `shadow-${randomBytes(4).toString('hex')}`;
    const plain = await named('base', org, []);
    const prefixed = await named('env-base', org, []);
    await named('app', org, [{ slug: 'env-base' }]);
    expect((await gateway.queries.importers({ value: idOf(plain) })).items).toEqual([]);
    expect((await gateway.queries.importers({ value: idOf(prefixed) })).items).toHaveLength(1);
  });

  it('are written with imports that lead somewhere: a missing one and a circle are refused with the path', async () => {
    const org = `circle-${randomBytes(4).toString('hex')}`;
    const a = await named('a', org, []);
    await named('b', org, [{ slug: 'a' }]);
    const circle = environment({}, { id: idOf(a), org, name: 'a' }, { imports: [{ slug: 'b' }] });
    const refused = await failure(gateway.commands.update(circle));
    expect(refused.kind).toBe('failed-precondition');
    expect(refused.message).toContain('a → b → a');
    expect((await failure(named('c', org, [{ slug: 'gone' }]))).message).toContain('gone');
    expect((await gateway.queries.history({ environmentId: idOf(a) })).items).toHaveLength(1);
  });

  it.each([
    [
      'too many',
      Array.from({ length: 51 }, () => ({ slug: 'x' })),
      'spec.imports: at most 50 imports, these are 51',
    ],
    ['one of another kind', [{ slug: 'x', kind: 40 }], 'spec.imports[0].kind: must be environment'],
    ['one without a name', [{ slug: '' }], 'spec.imports[0].slug: value is required'],
  ])('may not have %s', async (_, imports, message) => {
    expect((await failure(gateway.commands.create(environment({}, {}, { imports })))).message).toContain(
      message,
    );
  });
});

describe('An expiry', () => {
  it('has to be a time', async () => {
    const expiresAt = { seconds: 300_000_000_000n, nanos: 0 };
    const refused = await failure(gateway.commands.create(environment({ A: { value: '', expiresAt } })));
    expect(refused).toMatchObject({
      kind: 'invalid-argument',
      violations: [{ field: 'spec.data["A"].expires_at' }],
    });
  });
});
