import { create, toBinary } from '@bufbuild/protobuf';
import { ExecutionContextExecutionIdInputSchema } from '@stigmer/proto/agentic/executioncontext/v1/io';
import { ExecutionContextQueryController } from '@stigmer/proto/agentic/executioncontext/v1/query';
import {
  ContextVault,
  CreateContextInputSchema,
  DestroyContextInputSchema,
} from '@stigmer/proto/internal/v1/context_vault';
import type { ServiceName } from '@stigmer/service';
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

/** A context service, and how to be known there. */
export interface ContextTarget {
  readonly address: string;
  readonly identify: (caller: ServiceName) => Promise<Readonly<Record<string, string>>>;
}

async function targetOf(bench: Bench): Promise<ContextTarget> {
  const { address } = await contextService(bench);
  return { address, identify: (caller) => bench.identify(caller, 'execution-context-service') };
}

/** A run's context from its making to its end. */
export async function cycleSteps(target: ContextTarget): Promise<readonly Step[]> {
  const executionId = `aexe-${ROUND}`;
  return [
    await createStep(target, executionId),
    await revealStep(target, executionId),
    await destroyStep(target, executionId),
  ];
}

async function createStep({ address, identify }: ContextTarget, executionId: string): Promise<Step> {
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
    address,
    path: pathOf(ContextVault.method.create),
    metadata: await identify('resolver-service'),
    messages: [toBinary(CreateContextInputSchema, input)],
  };
}

async function revealStep({ address, identify }: ContextTarget, executionId: string): Promise<Step> {
  const input = create(ExecutionContextExecutionIdInputSchema, { executionId });
  return {
    address,
    path: pathOf(ExecutionContextQueryController.method.getByExecutionId),
    metadata: await identify('workflow-runner'),
    messages: [toBinary(ExecutionContextExecutionIdInputSchema, input)],
  };
}

async function destroyStep({ address, identify }: ContextTarget, executionId: string): Promise<Step> {
  const input = create(DestroyContextInputSchema, { executionId });
  return {
    address,
    path: pathOf(ContextVault.method.destroy),
    metadata: await identify('workflow-runner'),
    messages: [toBinary(DestroyContextInputSchema, input)],
  };
}

/** A stored context of 50 keys; answers where it lies, for the floor. */
async function storedContext(bench: Bench, executionId: string) {
  await rawCall(await createStep(await targetOf(bench), executionId));
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
      measure: async () => bench.load([await revealStep(await targetOf(bench), executionId)]),
      floor: () => bareDatabase(bench, stored, ['read']),
    });
    return [row];
  },
};

/** Create, reveal, destroy; the floor is the bare driver's insert, read, unset of the key and deletion. */
export const contextCycle: Figure = {
  name: 'context.cycle',
  async run(bench) {
    const stored = await storedContext(bench, 'aexe-copied');
    const row = await compare(bench, {
      name: 'context.cycle',
      unit: 'cycles/s',
      measure: async () => bench.load(await cycleSteps(await targetOf(bench))),
      floor: () => bareDatabase(bench, stored, ['insert', 'read-copy', 'unset', 'delete']),
    });
    return [row];
  },
};
