import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { freePort, probeGrpc, startMongo, startProcess, type SupervisedProcess } from '@stigmer/embedded';
import { EnvironmentCommandController } from '@stigmer/proto/agentic/environment/v1/command';
import type { EnvironmentSpecSchema } from '@stigmer/proto/agentic/environment/v1/spec';
import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import { ApiResourceKind } from '@stigmer/proto/commons/apiresource/apiresourcekind/api_resource_kind';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { RunResolver } from '@stigmer/proto/internal/v1/run_resolver';
import { type RunningService, serviceClient } from '@stigmer/service';
import { testIdentities } from '@stigmer/service/testing';
import { farSide, startFarSides } from './testing/far-sides';
import { startResolver } from './testing/resolver-service';

/** The environment-service as it is deployed: a process of its own, from the compiled code. */
const PROGRAM = join(__dirname, '../../environment-service/dist/main.js');
const keys = testIdentities();
let folder: string;
let mongo: Awaited<ReturnType<typeof startMongo>>;
let far: Awaited<ReturnType<typeof startFarSides>>;
let environments: SupervisedProcess;
let environmentsPort: number;
let resolver: RunningService;
let address: string;

async function startEnvironments(): Promise<SupervisedProcess> {
  if (!existsSync(PROGRAM)) throw new Error('compile first: npx tsc -b apps/environment-service');
  return startProcess({
    name: 'environment-service',
    program: { file: process.execPath, args: [PROGRAM] },
    args: [],
    folder,
    environment: {
      STIGMER_LISTEN: `127.0.0.1:${environmentsPort}`,
      STIGMER_IDENTITY_KEY_FILE: join(folder, 'identity.jwk'),
      STIGMER_TRUSTED_IDENTITIES_FILE: join(folder, 'identities.jwks'),
      STIGMER_MONGODB_URL: mongo.url,
      STIGMER_CONTROL_PLANE: '127.0.0.1:1',
      STIGMER_ENVIRONMENT_ENCRYPTION_KEY_FILE: join(folder, 'encryption.key'),
    },
    temporary: false,
    logFile: join(folder, 'environment-service.log'),
    timeoutMs: 90_000,
    probe: async () => {
      await probeGrpc(environmentsPort, '/grpc.health.v1.Health/Check', Buffer.alloc(0));
    },
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stigmer-resolver-'));
  const secret = { mode: 0o600 };
  await writeFile(join(folder, 'identity.jwk'), keys.privateJwk['environment-service'], secret);
  await writeFile(join(folder, 'identities.jwks'), keys.jwks);
  await writeFile(join(folder, 'encryption.key'), randomBytes(32).toString('base64'), secret);
  mongo = await startMongo();
  environmentsPort = await freePort();
  environments = await startEnvironments();
  far = await startFarSides(keys);
  const services = { environments: `127.0.0.1:${environmentsPort}`, contexts: far.contexts };
  ({ running: resolver, address } = await startResolver(keys, services));
  await apply('Base', { REGION: { value: 'eu' }, TOKEN: { value: 'canary-stored', isSecret: true } });
  await apply('Prod', { REGION: { value: 'us' } });
});

afterAll(async () => {
  await resolver.close();
  await far.close();
  await environments.stop();
  await mongo.stop();
  await rm(folder, { recursive: true });
});

async function apply(
  name: string,
  data: MessageInitShape<typeof EnvironmentSpecSchema>['data'],
  imports: readonly string[] = [],
): Promise<void> {
  const client = serviceClient(EnvironmentCommandController, {
    address: `127.0.0.1:${environmentsPort}`,
    audience: 'environment-service',
    identity: keys.identity('gateway'),
  });
  await client.apply({
    apiVersion: 'agentic.stigmer.ai/v1',
    kind: 'Environment',
    metadata: { name, org: 'acme', ownerScope: ApiResourceOwnerScope.organization },
    spec: { data, imports: imports.map((slug) => ({ slug, kind: ApiResourceKind.environment })) },
  });
  client.close();
}

const INPUT = {
  org: 'acme',
  template: { kind: 'Agent', name: 'helper', envSpec: { data: { TOKEN: { isSecret: true } } } },
  environmentRefs: [{ slug: 'env-base' }, { slug: 'prod' }],
};

function prepare(environmentRefs = INPUT.environmentRefs) {
  const options = {
    address,
    audience: 'resolver-service',
    identity: keys.identity('control-plane'),
  } as const;
  return serviceClient(RunResolver, options).prepare({
    ...INPUT,
    environmentRefs,
    executionId: 'aex-1',
    creator: 'local',
    requestDigest: Buffer.from('digest'),
    expiresAt: timestampFromMs(Date.now() + 86_400_000),
  });
}

describe('with the real environment-service', () => {
  beforeEach(() => {
    farSide.created.length = 0;
  });

  it("a run gets the environments' opened values, the later environment over the earlier", async () => {
    const prepared = await prepare();
    expect(farSide.created[0]?.data).toMatchObject({
      REGION: { value: 'us', isSecret: false },
      TOKEN: { value: 'canary-stored', isSecret: true },
    });
    expect(prepared.environments.map(({ slug }) => slug)).toEqual(['base', 'prod']);
    expect(prepared.variables['TOKEN']?.value).toBe('********');
  });

  it('explain says the same of where values come from, and holds no secret', async () => {
    const options = { address, audience: 'resolver-service', identity: keys.identity('gateway') } as const;
    const { variables } = await serviceClient(ResolverQueryController, options).explain(INPUT);
    const prepared = await prepare();
    expect(variables).toEqual(prepared.variables);
  });

  it('follows imports, in redacted answers and opened ones alike, and says which way they lead', async () => {
    const expiresAt = timestampFromMs(Date.now() + 86_400_000);
    await apply('Shared', {
      REGION: { value: 'shared', final: true },
      KEY: { value: 'canary', isSecret: true, expiresAt },
    });
    await apply('Importing', { ZONE: { value: 'a' } }, ['shared']);
    const environmentRefs = [{ slug: 'base' }, { slug: 'importing' }];
    const options = { address, audience: 'resolver-service', identity: keys.identity('gateway') } as const;
    const query = serviceClient(ResolverQueryController, options);
    const explained = await query.explain({ ...INPUT, environmentRefs });
    const prepared = await prepare(environmentRefs);
    expect(prepared.variables).toEqual(explained.variables);
    expect(prepared.variables['REGION']).toMatchObject({ final: true, origin: { via: ['importing'] } });
    expect(prepared.warnings).toMatchObject([{ code: 'expiring-variable', variable: 'KEY' }]);
    expect(prepared.warnings).toEqual(explained.diagnostics);
    expect(farSide.created[0]?.data).toMatchObject({ REGION: { value: 'shared' }, KEY: { value: 'canary' } });
    expect(JSON.stringify([prepared.warnings, prepared.environments])).not.toContain('canary');
    // A write between two answers is in the second, whatever was kept of the first.
    await apply('Importing', { ZONE: { value: 'b' } }, ['shared']);
    expect((await query.explain({ ...INPUT, environmentRefs })).variables['ZONE']?.value).toBe('b');
  });

  it('a run that comes after a write sees it, however many others are opening the same environments', async () => {
    const environmentRefs = [{ slug: 'base' }, { slug: 'counted' }];
    const written = { count: 0, done: false };
    const seen = async () => {
      const before = written.count;
      const { variables } = await prepare(environmentRefs);
      return { before, count: Number(variables['COUNT']?.value) };
    };
    await apply('Counted', { COUNT: { value: '0' } });
    const stale: object[] = [];
    const others = Array.from({ length: 4 }, async () => {
      while (!written.done) {
        const run = await seen();
        if (run.count < run.before) stale.push(run);
      }
    });
    for (let count = 1; count <= 10; count++) {
      await apply('Counted', { COUNT: { value: String(count) } });
      written.count = count;
      expect((await seen()).count).toBe(count);
    }
    written.done = true;
    await Promise.all(others);
    expect(stale).toEqual([]);
  });

  it("names each environment that is not there, another organization's included", async () => {
    const options = { address, audience: 'resolver-service', identity: keys.identity('gateway') } as const;
    const { diagnostics } = await serviceClient(ResolverQueryController, options).check({
      ...INPUT,
      environmentRefs: [{ slug: 'base' }, { slug: 'gone' }, { slug: 'prod', org: 'other' }],
    });
    expect(diagnostics.map(({ message }) => message)).toEqual([
      'Environment not found: gone',
      'Environment not found: other/prod',
    ]);
  });

  it('explain refuses secrets of more than 4 MiB, which it never sees, as prepare does', async () => {
    const large = Array.from({ length: 65 }, (_, i) => {
      return [`K${i}`, { value: 'canary'.padEnd(65_000), isSecret: true }] as const;
    });
    await apply('Large', Object.fromEntries(large));
    const environmentRefs = [{ slug: 'base' }, { slug: 'large' }];
    const options = { address, audience: 'resolver-service', identity: keys.identity('gateway') } as const;
    const refused = {
      kind: 'invalid-argument',
      message: expect.stringContaining('at most 4194304 bytes') as string,
    };
    await expect(
      serviceClient(ResolverQueryController, options).explain({ ...INPUT, environmentRefs }),
    ).rejects.toMatchObject(refused);
    await expect(prepare(environmentRefs)).rejects.toMatchObject(refused);
    expect(farSide.created).toEqual([]);
  });

  it('is UNAVAILABLE while that service is down, makes nothing, and works again when it is back', async () => {
    process.kill(environments.pid, 'SIGKILL');
    await environments.exited;
    await expect(prepare()).rejects.toMatchObject({
      kind: 'unavailable',
    });
    expect(farSide.created).toEqual([]);
    environments = await startEnvironments();
    await prepare();
    expect(farSide.created).toHaveLength(1);
  });
});
