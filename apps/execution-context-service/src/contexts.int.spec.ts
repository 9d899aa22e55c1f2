import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Metadata } from '@grpc/grpc-js';
import { DomainError, LIMITS, REDACTED } from '@stigmer/domain';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import {
  type ExecutionContext,
  ExecutionContextSchema,
} from '@stigmer/proto/agentic/executioncontext/v1/api';
import type { ExecutionValueSchema } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { ApiResourceKind } from '@stigmer/proto/commons/apiresource/apiresourcekind/api_resource_kind';
import type { ApiResourceMetadataSchema } from '@stigmer/proto/commons/apiresource/metadata';
import { ACTOR_HEADER, OWNER_HEADER } from '@stigmer/service';
import { createConnection } from 'mongoose';
import { startContextService, type TestService } from './testing/context-service';

type Data = Record<string, MessageInitShape<typeof ExecutionValueSchema>>;

const CANARY = 'canary-9e02c1';
let mongo: EmbeddedServer & { readonly url: string };
let service: TestService;
let gateway: ReturnType<TestService['as']>;
let runner: ReturnType<TestService['as']>;

beforeAll(async () => {
  mongo = await startMongo();
  service = await startContextService({ mongoUrl: mongo.url });
  gateway = service.as('gateway');
  runner = service.as('workflow-runner');
});

afterAll(async () => {
  await service.close();
  await mongo.stop();
});

let count = 0;
/** A context of a new execution in an organization of its own, so that no test sees another's. */
function context(
  data: Data = { TOKEN: { value: CANARY, isSecret: true }, REGION: { value: 'eu' } },
  metadata: MessageInitShape<typeof ApiResourceMetadataSchema> = {},
): ExecutionContext {
  count += 1;
  return create(ExecutionContextSchema, {
    apiVersion: 'agentic.stigmer.ai/v1',
    kind: 'ExecutionContext',
    metadata: { name: 'My Context', org: `org-${count}`, ...metadata },
    spec: { executionId: `wex-${count}`, data },
  });
}

function changed(
  made: ExecutionContext,
  data: Data,
  metadata: MessageInitShape<typeof ApiResourceMetadataSchema> = {},
): ExecutionContext {
  const { org, name } = made.metadata ?? {};
  return create(ExecutionContextSchema, {
    apiVersion: 'agentic.stigmer.ai/v1',
    kind: 'ExecutionContext',
    metadata: { org, name, ...metadata },
    spec: { executionId: executionOf(made), data },
  });
}

const idOf = (resource: ExecutionContext) => resource.metadata?.id ?? '';
const versionOf = (resource: ExecutionContext) => resource.metadata?.version?.id ?? '';
const executionOf = (resource: ExecutionContext) => resource.spec?.executionId ?? '';

async function failure(action: Promise<unknown>): Promise<DomainError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('expected a failure');
}

async function kindOf(action: Promise<unknown>): Promise<string> {
  return (await failure(action)).kind;
}

/** A run's context, from inside. */
async function runContext(executionId: string, value = 'of the run') {
  return service.as('resolver-service').vault.create({
    executionId,
    org: 'acme',
    creator: 'alice',
    requestDigest: Buffer.from('digest'),
    data: { TOKEN: { value, isSecret: true } },
    expiresAt: timestampFromMs(Date.now() + 3_600_000),
  });
}

function owner(): { readonly metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set(ACTOR_HEADER, 'alice');
  metadata.set(OWNER_HEADER, 'true');
  return { metadata };
}

describe('A context made through the gateway', () => {
  it('is answered with an id, a slug, a version and who made it, and redacted', async () => {
    const made = await gateway.commands.create(context(), owner());
    expect(idOf(made)).toMatch(/^exec-[0-9a-z]{26}$/);
    expect(made.metadata).toMatchObject({ name: 'My Context', slug: 'my-context', ownerScope: 0 });
    expect(versionOf(made)).not.toBe('');
    expect(made.status?.audit?.specAudit).toMatchObject({ createdBy: { id: 'alice' }, event: 'created' });
    expect(made.spec?.data).toMatchObject({
      TOKEN: { value: REDACTED, isSecret: true },
      REGION: { value: 'eu', isSecret: false },
    });
  });

  it('reads the same by id, by reference and by execution id: redacted, to the owner too', async () => {
    const made = await gateway.commands.create(context());
    const { org } = made.metadata ?? {};
    const kind = ApiResourceKind.execution_context;
    const reads = [
      gateway.queries.get({ value: idOf(made) }, owner()),
      gateway.queries.getByReference({ slug: 'my-context', org, kind }, owner()),
      gateway.queries.getByReference({ slug: idOf(made) }, owner()),
      gateway.queries.getByReference({ slug: 'exec-my-context', org, version: 'latest' }, owner()),
      gateway.queries.getByExecutionId({ executionId: executionOf(made) }, owner()),
    ];
    for (const read of await Promise.all(reads)) expect(read).toEqual(made);
    expect(
      JSON.stringify(made, (_, value: unknown) => (typeof value === 'bigint' ? 0 : value)),
    ).not.toContain(CANARY);
  });

  it('is not found by the reference of another organization, of another version, or of another kind', async () => {
    const made = await gateway.commands.create(context());
    const { org } = made.metadata ?? {};
    const slug = 'my-context';
    expect(await kindOf(gateway.queries.getByReference({ slug, org: 'nobody' }))).toBe('not-found');
    expect(await kindOf(gateway.queries.getByReference({ slug: idOf(made), org: 'nobody' }))).toBe(
      'not-found',
    );
    expect(await kindOf(gateway.queries.getByReference({ slug, org, version: 'v0' }))).toBe('not-found');
    const kind = ApiResourceKind.environment;
    expect(await kindOf(gateway.queries.getByReference({ slug, org, kind }))).toBe('invalid-argument');
  });

  it('is never opened for a run, nor in the way of one with the same execution id', async () => {
    const made = await gateway.commands.create(context());
    const executionId = executionOf(made);
    expect(await kindOf(runner.queries.getByExecutionId({ executionId }))).toBe('not-found');
    expect(await runContext(executionId)).toMatchObject({ created: true });
    const { spec } = await runner.queries.getByExecutionId({ executionId });
    expect(spec?.data['TOKEN']?.value).toBe('of the run');
    expect((await gateway.queries.getByExecutionId({ executionId })).metadata?.org).toBe('acme');
    const { vault } = service.as('control-plane');
    expect(await vault.destroy({ executionId })).toMatchObject({ existed: true });
    expect(await gateway.queries.get({ value: idOf(made) })).toEqual(made);
  });

  it('is not among those that the sweep looks at', async () => {
    const made = await gateway.commands.create(context());
    const { items } = await service.as('control-plane').vault.list({ pageSize: 1_000 });
    expect(items.map(({ executionId }) => executionId)).not.toContain(executionOf(made));
  });

  it('cannot be made twice, by its execution id, its slug or its id', async () => {
    const made = await gateway.commands.create(context({}, { id: 'exec-mine' }));
    expect(idOf(made)).toBe('exec-mine');
    const { org } = made.metadata ?? {};
    const again = [
      changed(made, {}, { name: 'other', org: 'other' }),
      context({}, { org }),
      context({}, { id: 'exec-mine' }),
    ];
    for (const resource of again)
      expect(await kindOf(gateway.commands.create(resource))).toBe('already-exists');
  });

  it('takes its slug from its execution, when it has no name', async () => {
    const made = await gateway.commands.create(context({}, { name: '' }));
    expect(made.metadata?.slug).toBe(executionOf(made));
  });

  it('expires after 24 hours', async () => {
    const made = await gateway.commands.create(context());
    const connection = await createConnection(mongo.url, { dbName: 'stigmer_contexts' }).asPromise();
    try {
      const stored = await connection
        .collection<{ _id: string; expires_at: Date }>('contexts')
        .findOne({ _id: idOf(made) });
      const createdAt = made.status?.audit?.specAudit?.createdAt;
      const born = createdAt === undefined ? Number.NaN : timestampDate(createdAt).getTime();
      expect(stored?.expires_at.getTime()).toBe(born + 24 * 3_600_000);
    } finally {
      await connection.close();
    }
  });

  it('can be deleted, which answers with what it was', async () => {
    const made = await gateway.commands.create(context());
    expect(await gateway.commands.delete({ resourceId: idOf(made) })).toEqual(made);
    expect(await kindOf(gateway.queries.get({ value: idOf(made) }))).toBe('not-found');
    expect(await kindOf(gateway.commands.delete({ resourceId: idOf(made) }))).toBe('not-found');
  });
});

describe('What no context may be', () => {
  it.each<[string, ExecutionContext, string]>([
    ['a spec that is missing', withoutSpec(), 'spec'],
    ['an owner scope', context({}, { ownerScope: ApiResourceOwnerScope.organization }), 'metadata'],
    ['a slug with capitals', context({}, { slug: 'Mine' }), 'metadata.slug'],
    ['an id with a blank', context({}, { id: 'exec 1' }), 'metadata.id'],
    ['an illegal name', context({ 'A-B': { value: CANARY } }), 'spec.data["A-B"]'],
    ['the name __proto__', context({ ['__proto__']: { value: CANARY } }), '__proto__'],
    [
      'a value over 64 KiB',
      context({ BIG: { value: CANARY.padEnd(LIMITS.valueBytes + 1) } }),
      'spec.data["BIG"]',
    ],
    [
      'the marker of a secret for a new one',
      context({ T: { value: REDACTED, isSecret: true } }),
      'spec.data["T"]',
    ],
    ['the marker of a secret as a plain value', context({ T: { value: REDACTED } }), 'spec.data["T"]'],
    ['the marker with blanks around it', context({ T: { value: ` ${REDACTED}\n` } }), 'spec.data["T"]'],
  ])('is refused: %s', async (_, resource, named) => {
    for (const write of ['create', 'apply'] as const) {
      const error = await failure(gateway.commands[write](resource));
      expect(error.kind).toBe('invalid-argument');
      expect(error.message).toContain(named);
      expect(error.message).not.toContain(CANARY);
    }
  });
});

describe('Applying', () => {
  it('creates what is not there, and changes nothing the second time', async () => {
    const resource = context();
    const made = await gateway.commands.apply(resource);
    expect(await gateway.commands.apply(resource)).toEqual(made);
  });

  it('what was read, with an edit, keeps the secrets', async () => {
    const made = await gateway.commands.apply(context());
    const edited = await gateway.commands.apply(
      changed(made, { TOKEN: { value: REDACTED, isSecret: true }, REGION: { value: 'us' } }),
    );
    expect(edited.spec?.data['REGION']?.value).toBe('us');
    expect(edited.metadata?.version?.previousVersionId).toBe(versionOf(made));
    const original = changed(made, { TOKEN: { value: CANARY, isSecret: true }, REGION: { value: 'us' } });
    expect(versionOf(await gateway.commands.apply(original))).toBe(versionOf(edited));
    const revealing = changed(made, { TOKEN: { value: REDACTED } });
    expect(await kindOf(gateway.commands.apply(revealing))).toBe('invalid-argument');
  });

  it('refuses a stale version, and another execution', async () => {
    const made = await gateway.commands.apply(context());
    const version = { id: versionOf(made) };
    await gateway.commands.apply(changed(made, { A: { value: '1' } }, { version }));
    const stale = changed(made, { A: { value: '2' } }, { version });
    expect(await kindOf(gateway.commands.apply(stale))).toBe('aborted');
    const { org } = made.metadata ?? {};
    expect(await kindOf(gateway.commands.apply(context({}, { org })))).toBe('failed-precondition');
  });

  it('under the id of a run’s context is refused, and leaves the run as it is', async () => {
    const executionId = 'aex-untouched';
    const { id } = await runContext(executionId, CANARY);
    const resource = context({ TOKEN: { value: 'planted', isSecret: true } }, { id, org: 'acme' });
    expect(await kindOf(gateway.commands.apply(resource))).toBe('already-exists');
    expect(await kindOf(gateway.commands.create(resource))).toBe('already-exists');
    const { spec } = await runner.queries.getByExecutionId({ executionId });
    expect(spec?.data['TOKEN']?.value).toBe(CANARY);
  });
});

function withoutSpec(): ExecutionContext {
  const { apiVersion, kind, metadata } = context();
  return create(ExecutionContextSchema, {
    apiVersion,
    kind,
    ...(metadata === undefined ? {} : { metadata }),
  });
}
