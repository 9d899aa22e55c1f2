import { create } from '@bufbuild/protobuf';
import { REDACTED } from '@stigmer/domain';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { startEnvironmentService, type TestService } from './testing/environment-service';
import { environment, failure, idOf, kindOf, raw, rowOf, versionOf, type Data } from './testing/environments';

const CANARY = 'canary-7f3a9c1e';
let mongo: EmbeddedServer & { readonly url: string };
let service: TestService;
let gateway: ReturnType<TestService['as']>;
let resolver: ReturnType<TestService['as']>;

beforeAll(async () => {
  mongo = await startMongo();
  service = await startEnvironmentService({ mongoUrl: mongo.url });
  gateway = service.as('gateway');
  resolver = service.as('resolver-service');
});

afterAll(async () => {
  await service.close();
  await mongo.stop();
});

describe('Creating an environment', () => {
  it('answers with an id, a slug, a version and who made it, and with secrets redacted', async () => {
    const made = await gateway.commands.create(
      environment({
        TOKEN: { value: CANARY, isSecret: true },
        DEBUG: { value: '', description: 'on when set' },
      }),
      service.owner,
    );
    expect(idOf(made)).toMatch(/^env-[0-9a-z]{26}$/);
    expect(made.metadata?.slug).toBe('github-prod');
    expect(versionOf(made)).not.toBe('');
    expect(made.spec?.data['TOKEN']).toMatchObject({ value: REDACTED, isSecret: true });
    expect(made.spec?.data['DEBUG']).toMatchObject({
      value: '',
      isSecret: false,
      description: 'on when set',
    });
    const audit = made.status?.audit?.specAudit;
    expect(audit?.createdBy?.id).toBe('alice');
    expect(audit?.event).toBe('created');
    expect(audit?.createdAt).toEqual(audit?.updatedAt);
  });

  it("stores ciphertext under the document's own key, and no plaintext anywhere", async () => {
    const made = await gateway.commands.create(environment({ TOKEN: { value: CANARY, isSecret: true } }));
    const stored = await rowOf(mongo.url, made);
    expect(stored.data['TOKEN']?.value).toMatch(/^enc:v2:/);
    expect(Object.keys(stored.crypto)).toEqual(['v', 'kid', 'wdek', 'commitment']);
    const all = JSON.stringify(
      await raw(mongo.url, (db) => db.collection('environments').find({}).toArray()),
    );
    for (const form of [
      CANARY,
      Buffer.from(CANARY).toString('base64'),
      Buffer.from(CANARY).toString('hex'),
    ]) {
      expect(all).not.toContain(form);
    }
  });

  it('keeps an id given by the client, and refuses a second one with its slug or its id', async () => {
    const first = environment({}, { id: 'env-github-prod-1', org: 'taken' });
    expect(idOf(await gateway.commands.create(first))).toBe('env-github-prod-1');
    expect(await kindOf(gateway.commands.create(environment({}, { org: 'taken' })))).toBe('already-exists');
    expect(await kindOf(gateway.commands.create(environment({}, { id: 'env-github-prod-1' })))).toBe(
      'already-exists',
    );
  });

  it('lets exactly one of many creators win', async () => {
    const attempts = Array.from({ length: 8 }, () =>
      gateway.commands.create(environment({}, { org: 'race' })),
    );
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it.each([
    ['an illegal name', { 'BAD-NAME': { value: 'x' } }, /BAD-NAME/],
    ['a value over 64 KiB', { BIG: { value: 'x'.repeat(65_537) } }, /BIG.*at most 65536/],
    ['a redacted value where there is none', { NEW: { value: REDACTED, isSecret: true } }, /NEW/],
    [
      'a redacted value made readable',
      { NEW: { value: REDACTED, isSecret: false } },
      /NEW.*is_secret: false/,
    ],
  ])('refuses %s, naming the key and no value', async (_, data: Data, message) => {
    const error = await failure(gateway.commands.create(environment(data)));
    expect(error.kind).toBe('invalid-argument');
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('xxx');
  });

  it('refuses too many variables, and names without a letter or a digit', async () => {
    const many = Object.fromEntries(Array.from({ length: 1_001 }, (__, i) => [`V${i}`, { value: '' }]));
    expect((await failure(gateway.commands.create(environment(many)))).message).toMatch(
      /at most 1000 variables/,
    );
    expect((await failure(gateway.commands.create(environment({}, { name: '!!!' })))).message).toMatch(
      /metadata.name/,
    );
  });

  it('stores variables whose names mean something to JavaScript or BSON', async () => {
    const names = ['constructor', 'toString', '_bsontype', 'toJSON', 'hasOwnProperty', 'then', 'prototype'];
    const data = Object.fromEntries(names.map((name) => [name, { value: `of ${name}`, isSecret: true }]));
    const made = await gateway.commands.create(environment(data));
    const { environments } = await resolver.vault.open({
      org: made.metadata?.org,
      references: [{ slug: 'github-prod' }],
    });
    for (const name of names) expect(environments[0]?.data[name]?.value).toBe(`of ${name}`);
    const labelled = environment({}, { labels: { 'app.kubernetes.io/name': 'x', $dollar: 'y' } });
    expect((await gateway.commands.create(labelled)).metadata?.labels).toEqual({
      'app.kubernetes.io/name': 'x',
      $dollar: 'y',
    });
  });
});

describe('Writing an environment', () => {
  it('that was read redacted neither destroys nor reveals a secret, and keeps its version', async () => {
    const made = await gateway.commands.create(environment({ TOKEN: { value: CANARY, isSecret: true } }));
    const before = await rowOf(mongo.url, made);
    const read = await gateway.queries.get({ value: idOf(made) });
    const written = await gateway.commands.update(read);
    expect(versionOf(written)).toBe(versionOf(made));
    expect(await rowOf(mongo.url, made)).toEqual(before);
    expect(
      (await gateway.queries.getSecretValue({ environmentId: idOf(made), key: 'TOKEN' }, service.owner))
        .value,
    ).toBe(CANARY);
  });

  it('with the same plaintext changes nothing, and with another one keeps every other ciphertext', async () => {
    const data: Data = { ONE: { value: 'one', isSecret: true }, TWO: { value: 'two', isSecret: true } };
    const wanted = environment(data);
    const made = await gateway.commands.apply(wanted);
    expect(versionOf(await gateway.commands.apply(wanted))).toBe(versionOf(made));
    const before = await rowOf(mongo.url, made);
    const changed = await gateway.commands.updateVariables({
      environmentId: idOf(made),
      variables: { TWO: { value: 'zwei', isSecret: true } },
    });
    const after = await rowOf(mongo.url, made);
    expect(versionOf(changed)).not.toBe(versionOf(made));
    expect(changed.metadata?.version?.previousVersionId).toBe(versionOf(made));
    expect(after.data['ONE']).toEqual(before.data['ONE']);
    expect(after.data['TWO']).not.toEqual(before.data['TWO']);
    expect(changed.status?.audit?.specAudit?.event).toBe('updated');
  });

  it('with a stale version is ABORTED; without one the last write wins', async () => {
    const made = await gateway.commands.create(environment({ A: { value: '1' } }, { id: 'env-stale' }));
    const next = (value: string, version?: object) =>
      create(EnvironmentSchema, {
        ...{ apiVersion: made.apiVersion, kind: made.kind },
        metadata: {
          id: 'env-stale',
          org: made.metadata?.org ?? '',
          ownerScope: ApiResourceOwnerScope.organization,
          ...(version && { version }),
        },
        spec: { data: { A: { value } } },
      });
    const second = await gateway.commands.update(next('2', { id: versionOf(made) }));
    expect(await kindOf(gateway.commands.update(next('3', { id: versionOf(made) })))).toBe('aborted');
    expect(versionOf(await gateway.commands.update(next('3')))).not.toBe(versionOf(second));
  });

  it('refuses to make a stored secret readable by its redacted form, and an unknown environment', async () => {
    const made = await gateway.commands.create(environment({ TOKEN: { value: CANARY, isSecret: true } }));
    const downgrade = {
      environmentId: idOf(made),
      variables: { TOKEN: { value: REDACTED, isSecret: false } },
    };
    expect(await kindOf(gateway.commands.updateVariables(downgrade))).toBe('invalid-argument');
    const renamed = { environmentId: idOf(made), variables: { OTHER: { value: REDACTED, isSecret: true } } };
    expect(await kindOf(gateway.commands.updateVariables(renamed))).toBe('invalid-argument');
    const error = await failure(gateway.commands.update(environment({}, { id: 'env-nobody' })));
    expect(error.message).toBe('Environment not found: env-nobody');
  });

  it('refuses with everything that is wrong in one answer: names, sizes and misused markers', async () => {
    const made = await gateway.commands.create(environment({ PLAIN: { value: 'x' } }));
    const variables: Data = {
      'BAD-NAME': { value: 'x' },
      BIG: { value: 'x'.repeat(65_537) },
      PLAIN: { value: REDACTED, isSecret: true },
      NEW: { value: REDACTED, isSecret: false },
    };
    const wrong = [['__proto__', { value: 'x' }] as const, ...Object.entries(variables)];
    const error = await failure(
      gateway.commands.updateVariables({ environmentId: idOf(made), variables: Object.fromEntries(wrong) }),
    );
    expect(error.kind).toBe('invalid-argument');
    expect(error.violations.map(({ field }) => field).sort()).toEqual(
      ['BAD-NAME', 'BIG', 'NEW', 'PLAIN', '__proto__'].map((name) => `spec.data["${name}"]`),
    );
    expect((await gateway.queries.get({ value: idOf(made) })).metadata?.version).toEqual(
      made.metadata?.version,
    );
  });

  it('by many at once loses no variable', async () => {
    const made = await gateway.commands.create(environment({}));
    const names = Array.from({ length: 8 }, (_, i) => `V${i}`);
    await Promise.all(
      names.map((name) =>
        gateway.commands.updateVariables({
          environmentId: idOf(made),
          variables: { [name]: { value: name, isSecret: true } },
        }),
      ),
    );
    const read = await gateway.queries.get({ value: idOf(made) });
    expect(Object.keys(read.spec?.data ?? {}).sort()).toEqual(names);
  });

  it('removes variables; NOT_FOUND names those that are not there, and removes none', async () => {
    const made = await gateway.commands.create(environment({ A: { value: '1' }, B: { value: '2' } }));
    const remove = (...keys: string[]) =>
      gateway.commands.removeVariables({ environmentId: idOf(made), keys });
    const error = await failure(remove('A', 'NONE', 'GONE'));
    expect(error.kind).toBe('not-found');
    expect(error.message).toBe('Variable not found: NONE, GONE in github-prod');
    expect(versionOf(await gateway.queries.get({ value: idOf(made) }))).toBe(versionOf(made));
    expect(Object.keys((await remove('A')).spec?.data ?? {})).toEqual(['B']);
  });

  it('never takes an environment of another organization', async () => {
    const made = await gateway.commands.create(environment({}));
    const other = environment({}, { id: idOf(made), name: 'Other' });
    expect(await kindOf(gateway.commands.update(other))).toBe('not-found');
    expect(await kindOf(gateway.commands.apply(other))).toBe('already-exists');
  });
});
