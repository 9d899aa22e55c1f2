import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { Metadata } from '@grpc/grpc-js';
import { EnvironmentCommandController } from '@stigmer/proto/agentic/environment/v1/command';
import { CreatedContextSchema } from '@stigmer/proto/internal/v1/context_vault';
import { ContextVault } from '@stigmer/proto/internal/v1/context_vault';
import { ACTOR_HEADER, OWNER_HEADER, serviceClient } from '@stigmer/service';
import type { Bench, Started } from './bench';
import { pathOf } from './raw-call';
import { environmentOf } from './samples';

/** The parts that several figures measure. Each is started once, when it is first asked for. */

/** Nobody listens there. */
const NOWHERE = '127.0.0.1:1';

export const ENVIRONMENTS = { database: 'stigmer_environments', collection: 'environments' } as const;
export const CONTEXTS = { database: 'stigmer_contexts', collection: 'contexts' } as const;

/** The key of the environments, which the generator of a million seals under too. */
export function environmentKey(bench: Bench): Promise<Buffer> {
  return bench.once('environment key', () => Promise.resolve(randomBytes(32)));
}

export function environmentService(bench: Bench): Promise<Started> {
  return bench.once('environment-service', async () =>
    bench.service('environment-service', {
      STIGMER_MONGODB_URL: await bench.mongo(),
      STIGMER_REDIS_URL: await bench.redis(),
      STIGMER_CONTROL_PLANE: NOWHERE,
      STIGMER_ENVIRONMENT_ENCRYPTION_KEY_FILE: await keyFile(bench, await environmentKey(bench)),
    }),
  );
}

export function contextService(bench: Bench): Promise<Started> {
  return bench.once('execution-context-service', async () =>
    bench.service('execution-context-service', {
      STIGMER_MONGODB_URL: await bench.mongo(),
      STIGMER_REDIS_URL: await bench.redis(),
      STIGMER_CONTEXT_ENCRYPTION_KEY_FILE: await keyFile(bench, randomBytes(32)),
    }),
  );
}

/** A resolver before the real environment-service and a context service that answers at once and writes nothing. */
export function resolver(bench: Bench): Promise<Started> {
  return bench.once('resolver-service', async () => {
    const [environments, contexts] = await Promise.all([environmentService(bench), contextStub(bench)]);
    return bench.service('resolver-service', {
      STIGMER_ENVIRONMENT_SERVICE: environments.address,
      STIGMER_CONTEXT_SERVICE: contexts.address,
    });
  });
}

export function contextStub(bench: Bench): Promise<Started> {
  const answer = create(CreatedContextSchema, {
    id: 'aexe-bench',
    expiresAt: { seconds: 4_000_000_000n },
    created: true,
  });
  return bench.once('context stub', () =>
    bench.bareServer({
      rpcs: [
        {
          path: pathOf(ContextVault.method.create),
          answer: Buffer.from(toBinary(CreatedContextSchema, answer)).toString('base64'),
          steps: [],
        },
      ],
    }),
  );
}

/** An environment in the real service, made by its own rpc; answers its id. */
export function storedEnvironment(
  bench: Bench,
  slug: string,
  keys: number,
  secrets: number,
): Promise<string> {
  return bench.once(`environment ${slug}`, async () => {
    const { address } = await environmentService(bench);
    const client = serviceClient(EnvironmentCommandController, {
      address,
      audience: 'environment-service',
      identity: bench.identity('gateway'),
    });
    try {
      const made = await client.create(environmentOf(slug, keys, secrets), { metadata: ownerMetadata() });
      return made.metadata?.id ?? '';
    } finally {
      client.close();
    }
  });
}

async function keyFile(bench: Bench, key: Buffer): Promise<string> {
  const file = join(await bench.folder('key'), 'key');
  await writeFile(file, key.toString('base64'), { mode: 0o600 });
  return file;
}

function ownerMetadata(): Metadata {
  const metadata = new Metadata();
  metadata.set(ACTOR_HEADER, 'bench');
  metadata.set(OWNER_HEADER, 'true');
  return metadata;
}
