import { createCipheriv, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { REDACTED } from '@stigmer/domain';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { startEnvironmentService, type TestService } from './testing/environment-service';
import { environment, failure, idOf, kindOf, orgOf, raw, versionOf } from './testing/environments';
import { count, counted, counterAt, historyOf, rawVersions } from './testing/versions';

const CANARY = 'canary-history-4be1';
const kek = randomBytes(32);
const key = kek.toString('base64');
let mongo: EmbeddedServer & { readonly url: string };
let service: TestService;
let gateway: ReturnType<TestService['as']>;
let resolver: ReturnType<TestService['as']>;

beforeAll(async () => {
  mongo = await startMongo();
  service = await startEnvironmentService({ mongoUrl: mongo.url, key });
  gateway = service.as('gateway');
  resolver = service.as('resolver-service');
});

afterAll(async () => {
  await service.close();
  await mongo.stop();
});

describe('The history of an environment', () => {
  it('has a version for each write: who, when, why and which variables; the newest first, and no value', async () => {
    const first = environment({ A: { value: CANARY, isSecret: true }, B: { value: CANARY } });
    const made = await gateway.commands.create(first, service.owner);
    const next = environment(
      { A: { value: `${CANARY}2`, isSecret: true }, C: { value: 'c', final: true } },
      { org: orgOf(made), version: { message: 'a new token' } },
    );
    const written = await gateway.commands.apply(next, service.owner);
    const history = await historyOf(gateway, idOf(made));
    expect(history).toMatchObject([
      {
        ...{ id: versionOf(written), number: 2, message: 'a new token', author: 'alice', current: true },
        ...{ added: ['C'], changed: ['A'], removed: ['B'], tags: [] },
      },
      {
        ...{ id: versionOf(made), number: 1, message: '', author: 'alice', current: false },
        ...{ added: ['A', 'B'], changed: [], removed: [] },
      },
    ]);
    expect(history[0]?.at).toEqual(written.status?.audit?.specAudit?.updatedAt);
    expect(inspect(history, { depth: null })).not.toContain(CANARY);
    expect(service.lines.join('')).not.toContain(CANARY);
  });

  it('counts what is final, an expiry, a flag and a description as changes of the variable', async () => {
    const made = await gateway.commands.create(environment({ A: { value: 'x' } }));
    const expiresAt = { seconds: 2_000_000_000n, nanos: 0 };
    for (const change of [{ final: true }, { expiresAt }, { optional: true }, { description: 'd' }]) {
      await gateway.commands.updateVariables({
        environmentId: idOf(made),
        variables: { A: { value: 'x', ...change } },
      });
    }
    const history = await historyOf(gateway, idOf(made));
    expect(history.map(({ number, changed }) => [number, changed])).toEqual([
      ...[5, 4, 3, 2].map((number) => [number, ['A']]),
      [1, []],
    ]);
    const at3 = await gateway.queries.getByReference({ org: orgOf(made), slug: idOf(made), version: '3' });
    expect(at3.spec?.data['A']).toMatchObject({ final: false, expiresAt });
  });

  it('gains nothing from a write that changes nothing', async () => {
    const resource = environment({ A: { value: CANARY, isSecret: true } });
    const made = await gateway.commands.create(resource);
    await gateway.commands.apply(resource);
    await gateway.commands.update(await gateway.queries.get({ value: idOf(made) }));
    expect(await historyOf(gateway, idOf(made))).toHaveLength(1);
  });

  it('comes page by page, and goes on from where the page before ended though versions were added', async () => {
    const { id } = await counted(gateway, 7);
    const first = await gateway.queries.history({ environmentId: id, pageSize: 3 });
    expect(first.items.map(({ number }) => number)).toEqual([7, 6, 5]);
    await count(gateway, id, 8);
    const second = await gateway.queries.history({
      ...{ environmentId: id, pageSize: 3, pageToken: first.nextPageToken },
    });
    expect(second.items.map(({ number }) => number)).toEqual([4, 3, 2]);
    expect((await historyOf(gateway, id, 1)).map(({ number }) => number)).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    const garbled = gateway.queries.history({ environmentId: id, pageToken: 'garbage' });
    expect((await failure(garbled)).violations).toMatchObject([{ field: 'page_token' }]);
    expect(await kindOf(gateway.queries.history({ environmentId: 'env-nobody' }))).toBe('not-found');
  });

  it('is whole after many writers at once: no gap, no fork, and every one of them is in it', async () => {
    const made = await gateway.commands.create(environment({}));
    const names = Array.from({ length: 50 }, (_, i) => `V${i}`);
    const write = (name: string) =>
      gateway.commands.updateVariables(
        { environmentId: idOf(made), variables: { [name]: { value: name, isSecret: true } } },
        { deadlineMs: 60_000 },
      );
    await Promise.all(names.map(write));
    const history = await historyOf(gateway, idOf(made));
    expect(history.map(({ number }) => number)).toEqual(Array.from({ length: 51 }, (_, i) => 51 - i));
    expect(history.slice(0, -1).every(({ added }) => added.length === 1)).toBe(true);
    expect(history.flatMap(({ added }) => added).sort()).toEqual([...names].sort());
    const kept = await raw(mongo.url, (db) =>
      db
        .collection('revisions')
        .find({ lineage: history.at(-1)?.id })
        .sort({ 'version.number': 1 })
        .toArray(),
    );
    const ids = kept.map(({ _id }) => String(_id));
    expect(kept.map((row) => (row['version'] as { previous: string }).previous)).toEqual([
      '',
      ...ids.slice(0, -1),
    ]);
  });

  it('refuses a message that nobody would read to its end', async () => {
    const wordy = environment({}, { version: { message: 'x'.repeat(1_025) } });
    expect((await failure(gateway.commands.create(wordy))).message).toContain('metadata.version.message');
  });
});

describe('A version in a reference', () => {
  it('is an id, a number, a tag, or the current one', async () => {
    const one = await counted(gateway, 3);
    const [, second] = await historyOf(gateway, one.id);
    await gateway.commands.tag({ environmentId: one.id, tag: 'v1.0-rc', version: '1' });
    expect(await counterAt(resolver, one, second?.id ?? '')).toBe('2');
    expect(await counterAt(resolver, one, '2')).toBe('2');
    expect(await counterAt(resolver, one, 'v1.0-rc')).toBe('1');
    for (const current of ['', 'latest', '3']) expect(await counterAt(resolver, one, current)).toBe('3');
    const read = await gateway.queries.getByReference({ org: one.org, slug: one.id, version: '2' });
    expect(read.metadata?.version).toMatchObject({ id: second?.id });
    expect(read.spec?.data['COUNTER']?.value).toBe(REDACTED);
  });

  it('that is not there is NOT_FOUND, and missing to a run', async () => {
    const one = await counted(gateway, 2);
    for (const version of ['3', '0', '01', 'stable', 'ver-nobody', '99999999999']) {
      const read = gateway.queries.getByReference({ org: one.org, slug: 'github-prod', version });
      expect((await failure(read)).message).toBe(`Environment not found: github-prod@${version}`);
      expect(await counterAt(resolver, one, version)).toBeUndefined();
    }
  });

  it('of another environment is not there', async () => {
    const [one, other] = [await counted(gateway, 2), await counted(gateway, 2)];
    const foreign = (await historyOf(gateway, other.id)).at(-1)?.id ?? '';
    expect(await counterAt(resolver, one, foreign)).toBeUndefined();
  });
});

describe('Going back to a version', () => {
  it('writes what it held as the newest version, and keeps the name, the slug and every ciphertext', async () => {
    const made = await gateway.commands.create(
      environment({ A: { value: CANARY, isSecret: true }, B: { value: 'one' } }, { labels: { team: 'a' } }),
    );
    const id = idOf(made);
    const [before] = await rawVersions(mongo.url, id);
    const changed = environment(
      { A: { value: 'other', isSecret: true }, C: { value: 'c' } },
      { id, org: orgOf(made), name: 'Renamed', slug: 'renamed' },
    );
    await gateway.commands.update(changed);
    const back = await gateway.commands.rollback({ environmentId: id, version: '1' }, service.owner);
    expect(back.metadata).toMatchObject({ name: 'Renamed', slug: 'renamed', labels: { team: 'a' } });
    expect(Object.keys(back.spec?.data ?? {}).sort()).toEqual(['A', 'B']);
    expect((await rawVersions(mongo.url, id)).at(-1)?.data).toEqual(before?.data);
    const [newest] = await historyOf(gateway, id);
    expect(newest).toMatchObject({
      ...{ number: 3, message: 'rollback to version 1', author: 'alice' },
      ...{ added: ['B'], changed: ['A'], removed: ['C'] },
    });
    const secret = await gateway.queries.getSecretValue({ environmentId: id, key: 'A' }, service.owner);
    expect(secret.value).toBe(CANARY);
  });

  it('says why in the words it was given, and does nothing where nothing would change', async () => {
    const one = await counted(gateway, 2);
    await gateway.commands.rollback({ environmentId: one.id, version: '1', message: 'it broke' });
    await gateway.commands.rollback({ environmentId: one.id, version: '1', message: 'again' });
    await gateway.commands.rollback({ environmentId: one.id, version: 'latest' });
    expect((await historyOf(gateway, one.id)).map(({ message }) => message)).toEqual(['it broke', '', '']);
    const unknown = await failure(gateway.commands.rollback({ environmentId: one.id, version: '9' }));
    expect(unknown.message).toBe('Version not found: 9 of the environment github-prod');
  });
});

describe('A tag', () => {
  it('names a version, is moved and taken away, and makes no version', async () => {
    const one = await counted(gateway, 3);
    const tagged = await gateway.commands.tag({ environmentId: one.id, tag: 'stable', version: '1' });
    expect(tagged).toMatchObject({ number: 1, tags: ['stable'], current: false });
    const moved = await gateway.commands.tag({ environmentId: one.id, tag: 'stable' });
    expect(moved).toMatchObject({ number: 3, tags: ['stable'], current: true });
    await gateway.commands.tag({ environmentId: one.id, tag: 'old', version: '2' });
    await gateway.commands.tag({ environmentId: one.id, tag: 'older', version: 'old' });
    const history = await historyOf(gateway, one.id);
    expect(history.map(({ tags }) => tags)).toEqual([['stable'], ['old', 'older'], []]);
    await count(gateway, one.id, 4);
    expect(await counterAt(resolver, one, 'stable')).toBe('3');
    expect(await gateway.commands.untag({ environmentId: one.id, tag: 'stable' })).toMatchObject({
      ...{ number: 3, tags: [] },
    });
    expect(await counterAt(resolver, one, 'stable')).toBeUndefined();
    const again = await failure(gateway.commands.untag({ environmentId: one.id, tag: 'stable' }));
    expect(again.message).toBe('Tag not found: stable of the environment github-prod');
  });

  it.each(['latest', 'ver-1', '12', 'V1', 'a b', '-a', 'x'.repeat(129)])(
    'is not called %s: INVALID_ARGUMENT',
    async (tag) => {
      const { id } = await counted(gateway, 1);
      const refused = await failure(gateway.commands.tag({ environmentId: id, tag }));
      expect(refused).toMatchObject({ kind: 'invalid-argument', violations: [{ field: 'tag' }] });
    },
  );

  it('is one of at most 100, and of a version that is there', async () => {
    const { id } = await counted(gateway, 1);
    for (let i = 0; i < 100; i++) await gateway.commands.tag({ environmentId: id, tag: `t${i}` });
    const more = gateway.commands.tag({ environmentId: id, tag: 'more' });
    expect(await kindOf(more)).toBe('resource-exhausted');
    await gateway.commands.tag({ environmentId: id, tag: 't7' });
    expect(await kindOf(gateway.commands.tag({ environmentId: id, tag: 't1', version: '2' }))).toBe(
      'not-found',
    );
  });

  it('is not lost to a write at the same time, nor the write to it', async () => {
    const one = await counted(gateway, 1);
    await Promise.all([
      ...Array.from({ length: 10 }, (_, i) => gateway.commands.tag({ environmentId: one.id, tag: `t.${i}` })),
      ...Array.from({ length: 10 }, (_, i) =>
        gateway.commands.updateVariables({ environmentId: one.id, variables: { [`V${i}`]: { value: 'x' } } }),
      ),
    ]);
    const history = await historyOf(gateway, one.id);
    expect(history).toHaveLength(11);
    expect(history.flatMap(({ tags }) => tags)).toHaveLength(10);
  });
});

describe('An environment of an earlier system', () => {
  it('is brought to the current form first, so that its first version is kept like any other', async () => {
    const org = `legacy-${randomBytes(4).toString('hex')}`;
    const _id = `env-${org}`;
    const made = { by: 'bob', at: new Date(0) };
    const data = { COUNTER: { value: olderForm('1'), is_secret: true, description: '', optional: false } };
    const facts = { name: 'Old', slug: 'old', owner_scope: 2, labels: {}, annotations: {}, tags: [] };
    const version = { id: `ver-${org}`, message: '', previous: '' };
    const row = { _id, org, ...facts, description: '', data, version, created: made, updated: made };
    await raw(mongo.url, (db) => db.collection<{ _id: string }>('environments').insertOne(row));
    expect(await historyOf(gateway, _id)).toMatchObject([{ number: 1, author: 'bob', added: [] }]);

    const read = await gateway.queries.get({ value: _id });
    await gateway.commands.update(read);
    expect(await historyOf(gateway, _id)).toMatchObject([{ number: 1, id: version.id }]);

    await count(gateway, _id, 2);
    expect((await historyOf(gateway, _id)).map(({ number, changed }) => [number, changed])).toEqual([
      [2, ['COUNTER']],
      [1, []],
    ]);
    expect(await counterAt(resolver, { id: _id, org }, '1')).toBe('1');
    expect(await counterAt(resolver, { id: _id, org }, '2')).toBe('2');
  });

  function olderForm(text: string): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', kek, iv, { authTagLength: 16 });
    return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
      'base64',
    );
  }
});
