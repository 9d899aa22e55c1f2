import { create, toBinary } from '@bufbuild/protobuf';
import { ExecutionContextExecutionIdInputSchema } from '@stigmer/proto/agentic/executioncontext/v1/io';
import { ExecutionContextQueryController } from '@stigmer/proto/agentic/executioncontext/v1/query';
import {
  ContextVault,
  CreateContextInputSchema,
  DestroyContextInputSchema,
} from '@stigmer/proto/internal/v1/context_vault';
import type { Bench } from '../bench';
import { compare, type Figure } from '../figure';
import { bareDatabase } from '../floors/database';
import { ROUND, type Step } from '../load';
import { pathOf, rawCall } from '../raw-call';
import { valueOf } from '../samples';
import { CONTEXTS, contextService } from '../world';

const KEYS = 50;
const SECRETS = 20;
const HOUR_SECONDS = 3_600;

async function createStep(bench: Bench, executionId: string): Promise<Step> {
  const data = Object.fromEntries(
    Array.from({ length: KEYS }, (_, index) => [
      `KEY_${String(index).padStart(4, '0')}`,
      { value: valueOf(`context ${index}`), isSecret: index < SECRETS },
    ]),
  );
  const input = create(CreateContextInputSchema, {
    executionId,
    org: 'acme',
    creator: 'bench',
    requestDigest: Buffer.alloc(32, 7),
    data,
    expiresAt: { seconds: BigInt(Math.floor(Date.now() / 1_000) + HOUR_SECONDS) },
  });
  return {
    address: (await contextService(bench)).address,
    path: pathOf(ContextVault.method.create),
    metadata: await bench.identify('resolver-service', 'execution-context-service'),
    messages: [toBinary(CreateContextInputSchema, input)],
  };
}

async function revealStep(bench: Bench, executionId: string): Promise<Step> {
  const input = create(ExecutionContextExecutionIdInputSchema, { executionId });
  return {
    address: (await contextService(bench)).address,
    path: pathOf(ExecutionContextQueryController.method.getByExecutionId),
    metadata: await bench.identify('workflow-runner', 'execution-context-service'),
    messages: [toBinary(ExecutionContextExecutionIdInputSchema, input)],
  };
}

async function destroyStep(bench: Bench, executionId: string): Promise<Step> {
  const input = create(DestroyContextInputSchema, { executionId });
  return {
    address: (await contextService(bench)).address,
    path: pathOf(ContextVault.method.destroy),
    metadata: await bench.identify('workflow-runner', 'execution-context-service'),
    messages: [toBinary(DestroyContextInputSchema, input)],
  };
}

/** A stored context of 50 keys; answers where it lies, for the floor. */
async function storedContext(bench: Bench, executionId: string) {
  await rawCall(await createStep(bench, executionId));
  const contexts = (await bench.database(CONTEXTS.database)).collection<{ readonly _id: string }>(
    CONTEXTS.collection,
  );
  const document = await contexts.findOne({ execution_id: executionId });
  if (document === null) throw new Error('the context was not stored');
  return { ...CONTEXTS, id: document._id };
}

/** A runner's read of a context of 50 keys, values in plaintext; the floor is the bare driver's read of the document. */
export const contextReveal: Figure = {
  name: 'context.reveal',
  async run(bench) {
    const executionId = 'aexe-revealed';
    const stored = await storedContext(bench, executionId);
    const row = await compare(bench, {
      name: 'context.reveal',
      unit: 'calls/s',
      measure: async () => bench.load([await revealStep(bench, executionId)]),
      floor: () => bareDatabase(bench, stored, ['read']),
    });
    return [row];
  },
};

/** Create, reveal, destroy; the floor is the bare driver's insert, read, unset of the key and deletion. */
export const contextCycle: Figure = {
  name: 'context.cycle',
  async run(bench) {
    const executionId = `aexe-${ROUND}`;
    const stored = await storedContext(bench, 'aexe-copied');
    const row = await compare(bench, {
      name: 'context.cycle',
      unit: 'cycles/s',
      measure: async () =>
        bench.load([
          await createStep(bench, executionId),
          await revealStep(bench, executionId),
          await destroyStep(bench, executionId),
        ]),
      floor: () => bareDatabase(bench, stored, ['insert', 'read-copy', 'unset', 'delete']),
    });
    return [row];
  },
};
