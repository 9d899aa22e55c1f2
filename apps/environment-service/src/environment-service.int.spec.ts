import { randomBytes } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { credentials, status } from '@grpc/grpc-js';
import { parseKey } from '@stigmer/crypto';
import { DomainError, REDACTED } from '@stigmer/domain';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { grpcClient } from '@stigmer/proto';
import { type Environment, EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import type { EnvironmentValueSchema } from '@stigmer/proto/agentic/environment/v1/spec';
import { ApiResourceKind } from '@stigmer/proto/commons/apiresource/apiresourcekind/api_resource_kind';
import { EnvironmentVault } from '@stigmer/proto/internal/v1/environment_vault';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { type Collection, createConnection } from 'mongoose';
import {
  type FakeUser,
  startEnvironmentService,
  startFakeControlPlane,
  type TestService,
} from './testing/environment-service';

type Data = Record<string, MessageInitShape<typeof EnvironmentValueSchema>>;

const CANARY = 'canary-7f3a9c1e';
const key = randomBytes(32).toString('base64');
let mongo: EmbeddedServer & { readonly url: string };
let controlPlane: Awaited<ReturnType<typeof startFakeControlPlane>>;
let service: TestService;
let gateway: ReturnType<TestService['as']>;
let resolver: ReturnType<TestService['as']>;
let users: readonly FakeUser[] | undefined = [];

beforeAll(async () => {
  mongo = await startMongo();
  controlPlane = await startFakeControlPlane(() => {
    if (users === undefined) throw new Error('down');
    return users;
  });
  service = await startEnvironmentService({ mongoUrl: mongo.url, key, controlPlane: controlPlane.address });
  gateway = service.as('gateway');
  resolver = service.as('resolver-service');
});

afterAll(async () => {
  await service.close();
  controlPlane.close();
  await mongo.stop();
});

let count = 0;
/** An environment of a new organization, so that no test sees another's. */
function environment(data: Data, metadata: { readonly [K in string]?: unknown } = {}): Environment {
  count += 1;
  return create(EnvironmentSchema, {
    apiVersion: 'agentic.stigmer.ai/v1',
    kind: 'Environment',
    metadata: {
      name: 'GitHub Prod',
      org: `org-${count}`,
      ownerScope: ApiResourceOwnerScope.organization,
      ...metadata,
    },
    spec: { description: 'for tests', data },
  });
}

async function kindOf(action: Promise<unknown>): Promise<string> {
  return (await failure(action)).kind;
}

async function failure(action: Promise<unknown>): Promise<DomainError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('expected a failure');
}

function idOf(resource: Environment): string {
  return resource.metadata?.id ?? '';
}

function versionOf(resource: Environment): string {
  return resource.metadata?.version?.id ?? '';
}

/** What really lies in the database: the driver's own collection, past our store. */
async function raw<T>(action: (documents: Collection<RawDocument>) => Promise<T>): Promise<T> {
  const connection = await createConnection(mongo.url, { dbName: 'stigmer_environments' }).asPromise();
  try {
    return await action(connection.collection<RawDocument>('environments'));
  } finally {
    await connection.close();
  }
}

interface RawDocument {
  readonly _id: string;
  readonly crypto: Record<string, unknown>;
  readonly data: Record<string, { readonly value: string }>;
}

async function rawDocument(resource: Environment): Promise<RawDocument> {
  const document = await raw((documents) => documents.findOne({ _id: idOf(resource) }));
  if (document === null) throw new Error('the document is not in the database');
  return document;
}

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
    const stored = await rawDocument(made);
    expect(stored.data['TOKEN']?.value).toMatch(/^enc:v2:/);
    expect(Object.keys(stored.crypto)).toEqual(['v', 'kid', 'wdek', 'commitment']);
    const all = JSON.stringify(await raw((documents) => documents.find({}).toArray()));
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
    const before = await rawDocument(made);
    const read = await gateway.queries.get({ value: idOf(made) });
    const written = await gateway.commands.update(read);
    expect(versionOf(written)).toBe(versionOf(made));
    expect(await rawDocument(made)).toEqual(before);
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
    const before = await rawDocument(made);
    const changed = await gateway.commands.updateVariables({
      environmentId: idOf(made),
      variables: { TWO: { value: 'zwei', isSecret: true } },
    });
    const after = await rawDocument(made);
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

describe('Reading environments', () => {
  it('finds one by id, by slug and by prefixed slug, within its organization', async () => {
    const made = await gateway.commands.create(environment({}));
    const org = made.metadata?.org ?? '';
    for (const slug of [idOf(made), 'github-prod', 'env-github-prod']) {
      expect(
        idOf(await gateway.queries.getByReference({ org, slug, kind: ApiResourceKind.environment })),
      ).toBe(idOf(made));
    }
    expect(idOf(await gateway.queries.getByReference({ org, slug: 'github-prod', version: 'latest' }))).toBe(
      idOf(made),
    );
    const missing = await failure(gateway.queries.getByReference({ org: 'elsewhere', slug: idOf(made) }));
    expect(missing.message).toBe(`Environment not found: ${idOf(made)}`);
    expect(await kindOf(gateway.queries.getByReference({ org, slug: 'github-prod', version: 'v1' }))).toBe(
      'not-found',
    );
    expect(
      await kindOf(gateway.queries.getByReference({ org, slug: 'github-prod', kind: ApiResourceKind.agent })),
    ).toBe('invalid-argument');
  });

  it('lists an organization page by page, redacted', async () => {
    const org = 'listed';
    for (const name of ['one', 'two', 'three']) {
      await gateway.commands.create(environment({ T: { value: CANARY, isSecret: true } }, { org, name }));
    }
    const first = await gateway.queries.list({ org, pageSize: 2 });
    expect(first).toMatchObject({ totalCount: 3 });
    const second = await gateway.queries.list({ org, pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.items, ...second.items].map(({ metadata }) => metadata?.slug)).toEqual([
      'one',
      'two',
      'three',
    ]);
    expect(second.nextPageToken).toBe('');
    expect(first.items[0]?.spec?.data['T']?.value).toBe(REDACTED);
  });

  it.each([
    ['a token that no page answered', { pageToken: 'garbage' }, 'page_token'],
    ['a negative size', { pageSize: -1 }, 'page_size'],
  ])('refuses to list with %s: INVALID_ARGUMENT naming the field', async (_, paging, field) => {
    const error = await failure(gateway.queries.list({ org: 'listed', ...paging }));
    expect(error).toMatchObject({ kind: 'invalid-argument', violations: [{ field }] });
  });

  it('cuts a page before it outgrows a message', async () => {
    const org = 'large';
    const big = Object.fromEntries(
      Array.from({ length: 48 }, (_, i) => [`V${i}`, { value: 'x'.repeat(65_536) }]),
    );
    for (const name of ['one', 'two', 'three'])
      await gateway.commands.create(environment(big, { org, name }));
    const slugs: string[] = [];
    let pageToken = '';
    do {
      const page = await gateway.queries.list({ org, pageSize: 10, pageToken });
      slugs.push(...page.items.map(({ metadata }) => metadata?.slug ?? ''));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(slugs).toEqual(['one', 'two', 'three']);
  });

  it('reveals one value to the owner alone, and leaves one audit line for it', async () => {
    const made = await gateway.commands.create(environment({ TOKEN: { value: CANARY, isSecret: true } }));
    const input = { environmentId: idOf(made), key: 'TOKEN' };
    expect(await kindOf(gateway.queries.getSecretValue(input))).toBe('permission-denied');
    expect(await kindOf(gateway.queries.getSecretValue({ ...input, key: 'NONE' }, service.owner))).toBe(
      'not-found',
    );
    expect(await gateway.queries.getSecretValue(input, service.owner)).toMatchObject({
      value: CANARY,
      isSecret: true,
    });
    const audit = service.lines.filter(
      (line) => line.includes('secret.revealed') && line.includes(idOf(made)),
    );
    expect(audit.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ actor: 'alice', environment: idOf(made), key: 'TOKEN' }),
    ]);
    expect(service.lines.join('')).not.toContain(CANARY);
  });
});

describe('Opening environments for a run', () => {
  it('opens all references at once, in their order, and says which are missing', async () => {
    const org = 'opened';
    const one = await gateway.commands.create(
      environment({ T: { value: 'first', isSecret: true } }, { org, name: 'one' }),
    );
    await gateway.commands.create(environment({ P: { value: 'plain' } }, { org, name: 'two' }));
    const references = [
      { slug: 'env-two' },
      { slug: 'none' },
      { slug: idOf(one) },
      { slug: 'one', org: 'other' },
    ];
    const opened = await resolver.vault.open({ org, references });
    expect(opened.environments.map(({ slug }) => slug)).toEqual(['two', 'one']);
    expect(opened.environments[1]).toMatchObject({ id: idOf(one), revision: versionOf(one), org });
    expect(opened.environments[1]?.data['T']).toMatchObject({ value: 'first', isSecret: true });
    expect(opened.missing.map(({ slug, org: of }) => `${of}/${slug}`)).toEqual(['/none', 'other/one']);
  });

  it('decrypts nothing when asked for a redacted answer', async () => {
    const made = await gateway.commands.create(
      environment({ T: { value: CANARY, isSecret: true }, P: { value: 'plain' } }),
    );
    const { data } = await rawDocument(made);
    const forged = data['T']?.value.replace(/^enc:v2:.{8}/, 'enc:v2:AAAAAAAA');
    await corrupt(made, { 'data.T.value': forged, 'crypto.wdek': 'AAAA' });
    const org = made.metadata?.org;
    const { environments } = await resolver.vault.open({
      org,
      references: [{ slug: 'github-prod' }],
      redacted: true,
    });
    expect(environments[0]?.data['T']).toMatchObject({ value: '', isSecret: true });
    expect(environments[0]?.data['P']).toMatchObject({ value: 'plain' });
    // The length is told even so: what bounds the size of a run's context needs no key.
    expect(environments[0]?.secretBytes).toEqual({ T: CANARY.length });
  });

  it('refuses more than an answer can hold before it takes the memory, and more references than a run may have', async () => {
    const org = 'heavy';
    const values = Array.from({ length: 48 }, (_, i) => [`V${i}`, { value: 'x'.repeat(65_536) }] as const);
    await gateway.commands.create(environment(Object.fromEntries(values), { org, name: 'big' }));
    const references = (times: number) => Array.from({ length: times }, () => ({ slug: 'big' }));
    for (const redacted of [true, false]) {
      const { kind, message } = await failure(
        resolver.vault.open({ org, references: references(50), redacted }),
      );
      expect(kind).toBe('resource-exhausted');
      expect(message).toContain('the environments of a run have');
    }
    const many = await failure(resolver.vault.open({ org, references: references(101) }));
    expect(many.kind).toBe('invalid-argument');
    expect(many.message).toContain('environment_refs: at most 100');
  });

  it('is for the resolver: the gateway and the runner are refused, and so is a call without identity', async () => {
    expect(await kindOf(gateway.vault.open({ org: 'x' }))).toBe('permission-denied');
    expect(await kindOf(service.as('workflow-runner').vault.open({ org: 'x' }))).toBe('permission-denied');
    expect(await kindOf(service.as('workflow-runner').queries.get({ value: 'x' }))).toBe('permission-denied');
    const stranger = grpcClient(EnvironmentVault, service.address, credentials.createInsecure());
    await expect(stranger.open({ org: 'x' })).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    stranger.close();
  });
});

describe('Ciphertext that was altered or moved', () => {
  const moved = async (data: Data) => gateway.commands.create(environment(data));

  it('does not open, and the error names the environment and no value', async () => {
    const source = await moved({
      ONE: { value: CANARY, isSecret: true },
      TWO: { value: 'x', isSecret: true },
    });
    const { data } = await rawDocument(source);
    await corrupt(source, { 'data.TWO.value': data['ONE']?.value });
    const error = await failure(open(source));
    expect(error.kind).toBe('failed-precondition');
    expect(error.message).toContain(
      `the environment github-prod (${idOf(source)}) was changed past the service in version 1`,
    );
    expect(error.message).not.toContain(CANARY);
  });

  it('does not open in another document, even with the header that came with it', async () => {
    const source = await moved({ ONE: { value: CANARY, isSecret: true } });
    const target = await moved({ ONE: { value: 'x', isSecret: true } });
    const stolen = await rawDocument(source);
    await corrupt(target, { 'data.ONE.value': stolen.data['ONE']?.value });
    expect(await kindOf(open(target))).toBe('failed-precondition');
    await corrupt(target, { crypto: stolen.crypto });
    expect(await kindOf(open(target))).toBe('failed-precondition');
  });

  async function open(resource: Environment) {
    return resolver.vault.open({ org: resource.metadata?.org, references: [{ slug: idOf(resource) }] });
  }
});

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

describe('The keys of a database', () => {
  it('are checked against its documents too: a key that one still needs cannot be left out', async () => {
    const restored = await startMongo();
    try {
      const first = await startEnvironmentService({ mongoUrl: restored.url, key });
      await first.as('gateway').commands.create(environment({}));
      await first.close();
      const next = randomBytes(32).toString('base64');
      // With the old key beside it, the service starts with the new one, which wraps nothing yet.
      await (await startEnvironmentService({ mongoUrl: restored.url, key: next, previous: key })).close();
      const early = startEnvironmentService({ mongoUrl: restored.url, key: next });
      await expect(early).rejects.toThrow(/written with the encryption key/);

      // A restore that brought the documents and not the record: the wrong key is refused, and is not remembered.
      await dropKeyRecord(restored.url);
      await expect(startEnvironmentService({ mongoUrl: restored.url })).rejects.toThrow(/written with/);
      await (await startEnvironmentService({ mongoUrl: restored.url, key })).close();
    } finally {
      await restored.stop();
    }
  });

  it('are checked at start: another key is refused, naming both fingerprints', async () => {
    const start = startEnvironmentService({ mongoUrl: mongo.url });
    await expect(start).rejects.toThrow(
      /written with the encryption key [0-9a-f]{16}, configured: [0-9a-f]{16}/,
    );
  });

  it('rotate: what the old key sealed is read, and moved to the new one at its next write', async () => {
    const rotated = await startMongo();
    try {
      const resource = environment({ T: { value: CANARY, isSecret: true } });
      const first = await startEnvironmentService({ mongoUrl: rotated.url, key });
      const made = await first.as('gateway').commands.create(resource);
      await first.close();

      const next = randomBytes(32).toString('base64');
      const second = await startEnvironmentService({ mongoUrl: rotated.url, key: next, previous: key });
      await second.as('gateway').keys.promote({ id: parseKey(next).id }, second.owner);
      const written = await second.as('gateway').commands.apply(resource);
      expect(versionOf(written)).toBe(versionOf(made));
      await second.close();

      const third = await startEnvironmentService({ mongoUrl: rotated.url, key: next });
      const value = await third
        .as('gateway')
        .queries.getSecretValue({ environmentId: idOf(made), key: 'T' }, third.owner);
      expect(value.value).toBe(CANARY);
      await third.close();
    } finally {
      await rotated.stop();
    }
  });
});

async function dropKeyRecord(url: string): Promise<void> {
  const connection = await createConnection(url, { dbName: 'stigmer_environments' }).asPromise();
  await connection.collection('key_ring').deleteMany({});
  await connection.close();
}

async function corrupt(resource: Environment, change: object): Promise<void> {
  await raw((documents) => documents.updateOne({ _id: idOf(resource) }, { $set: change }));
}

describe('A database that goes away', () => {
  it('makes the service unavailable, which callers retry, and ends nothing', async () => {
    const lost = await startMongo();
    const alone = await startEnvironmentService({ mongoUrl: lost.url, key, logLevel: 'error' });
    try {
      const client = alone.as('gateway');
      const made = await client.commands.create(environment({ T: { value: CANARY, isSecret: true } }));
      // The audit does not depend on the level of the log.
      await client.queries.getSecretValue({ environmentId: idOf(made), key: 'T' }, alone.owner);
      expect(alone.lines.filter((line) => line.includes('secret.revealed'))).toHaveLength(1);
      await lost.stop();
      // Rpcs that clients do not try again by themselves.
      const removal = { environmentId: idOf(made), keys: ['T'] };
      const refused = [client.commands.create(environment({})), client.commands.removeVariables(removal)];
      expect(await Promise.all(refused.map(kindOf))).toEqual(['unavailable', 'unavailable']);
    } finally {
      await alone.close();
      await lost.stop();
    }
  });
});
