import { credentials, status } from '@grpc/grpc-js';
import { REDACTED } from '@stigmer/domain';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { grpcClient } from '@stigmer/proto';
import { type Environment } from '@stigmer/proto/agentic/environment/v1/api';
import { ApiResourceKind } from '@stigmer/proto/commons/apiresource/apiresourcekind/api_resource_kind';
import { EnvironmentVault } from '@stigmer/proto/internal/v1/environment_vault';
import { startEnvironmentService, type TestService } from './testing/environment-service';
import {
  corrupt,
  environment,
  failure,
  idOf,
  kindOf,
  rowOf,
  versionOf,
  type Data,
} from './testing/environments';

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
    const { data } = await rowOf(mongo.url, made);
    const forged = data['T']?.value.replace(/^enc:v2:.{8}/, 'enc:v2:AAAAAAAA');
    await corrupt(mongo.url, made, { 'data.T.value': forged, 'crypto.wdek': 'AAAA' });
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
    const { data } = await rowOf(mongo.url, source);
    await corrupt(mongo.url, source, { 'data.TWO.value': data['ONE']?.value });
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
    const stolen = await rowOf(mongo.url, source);
    await corrupt(mongo.url, target, { 'data.ONE.value': stolen.data['ONE']?.value });
    expect(await kindOf(open(target))).toBe('failed-precondition');
    await corrupt(mongo.url, target, { crypto: stolen.crypto });
    expect(await kindOf(open(target))).toBe('failed-precondition');
  });

  async function open(resource: Environment) {
    return resolver.vault.open({ org: resource.metadata?.org, references: [{ slug: idOf(resource) }] });
  }
});
