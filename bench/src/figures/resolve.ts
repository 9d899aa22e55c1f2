import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ResolveInputSchema } from '@stigmer/proto/agentic/resolver/v1/io';
import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import type { ApiResourceReferenceSchema } from '@stigmer/proto/commons/apiresource/io';
import { ContextVault, CreateContextInputSchema } from '@stigmer/proto/internal/v1/context_vault';
import { EnvironmentVault, OpenEnvironmentsInputSchema } from '@stigmer/proto/internal/v1/environment_vault';
import { PrepareRunInputSchema, RunResolver } from '@stigmer/proto/internal/v1/run_resolver';
import type { Bench } from '../bench';
import { compare, type Figure, type Row, rowOf } from '../figure';
import type { BareStep } from '../floors/bare-server';
import type { Step } from '../load';
import { pathOf, rawCall } from '../raw-call';
import { runtimeValues, templateOf, VALUE_BYTES } from '../samples';
import { contextStub, ENVIRONMENTS, environmentService, resolver, storedEnvironment } from '../world';

/** The environments of a run, and how many keys each has. */
interface RunShape {
  readonly slugs: readonly string[];
  readonly keys: number;
  readonly secrets: number;
}

/** Three environments of 50 keys, 60 secrets in all. */
export const RUN: RunShape = { slugs: ['base', 'team', 'prod'], keys: 50, secrets: 20 };

/** As many runs as these in a row have no environment in common, so that none shares an opening with another. */
const APART: readonly RunShape[] = Array.from({ length: 64 }, (_, index) => ({
  ...RUN,
  slugs: RUN.slugs.map((slug) => `${slug}-${index}`),
}));

const OPEN = pathOf(EnvironmentVault.method.open);
const CREATE = pathOf(ContextVault.method.create);

function referencesOf({ slugs }: RunShape): MessageInitShape<typeof ApiResourceReferenceSchema>[] {
  return slugs.map((slug) => ({ org: 'acme', slug }));
}

async function idsOf(bench: Bench, { slugs, keys, secrets }: RunShape): Promise<readonly string[]> {
  return Promise.all(slugs.map((slug) => storedEnvironment(bench, slug, keys, secrets)));
}

export async function prepareStep(bench: Bench, run: RunShape): Promise<Step> {
  await idsOf(bench, run);
  const input = create(PrepareRunInputSchema, {
    executionId: 'aexe-bench',
    org: 'acme',
    template: templateOf(run.slugs),
    environmentRefs: referencesOf(run),
    runtimeEnv: runtimeValues(run.slugs[0] ?? ''),
    creator: 'bench',
    requestDigest: Buffer.alloc(32, 7),
    expiresAt: { seconds: BigInt(Math.floor(Date.now() / 1_000) + 3_600) },
  });
  return {
    address: (await resolver(bench)).address,
    path: pathOf(RunResolver.method.prepare),
    metadata: await bench.identify('control-plane', 'resolver-service'),
    messages: [toBinary(PrepareRunInputSchema, input)],
  };
}

async function explainStep(bench: Bench, run: RunShape): Promise<Step> {
  await idsOf(bench, run);
  const input = create(ResolveInputSchema, {
    org: 'acme',
    template: templateOf(run.slugs),
    environmentRefs: referencesOf(run),
    runtimeEnv: runtimeValues(run.slugs[0] ?? ''),
  });
  return {
    address: (await resolver(bench)).address,
    path: pathOf(ResolverQueryController.method.explain),
    metadata: await bench.identify('gateway', 'resolver-service'),
    messages: [toBinary(ResolveInputSchema, input)],
  };
}

async function openStep(bench: Bench, run: RunShape, redacted: boolean): Promise<Step> {
  const input = create(OpenEnvironmentsInputSchema, { org: 'acme', references: referencesOf(run), redacted });
  return {
    address: (await environmentService(bench)).address,
    path: OPEN,
    metadata: await bench.identify('resolver-service', 'environment-service'),
    messages: [toBinary(OpenEnvironmentsInputSchema, input)],
  };
}

/** The environment-service's part of the floor: one batched read, and as many bare decryptions as there are secrets. */
async function bareEnvironments(bench: Bench, run: RunShape, open: Step): Promise<BareStep> {
  const ids = await idsOf(bench, run);
  const { address } = await bench.bareServer({
    rpcs: [
      {
        path: OPEN,
        answer: (await rawCall(open)).toString('base64'),
        steps: [
          { kind: 'find', url: await bench.mongo(), ...ENVIRONMENTS, ids },
          { kind: 'open', values: run.slugs.length * run.secrets, bytes: VALUE_BYTES },
        ],
      },
    ],
  });
  return callOf({ ...open, address });
}

/** The context service's part, with a request as large as the real one. */
async function bareContexts(bench: Bench, run: RunShape): Promise<BareStep> {
  const names = run.slugs.flatMap((slug) =>
    Array.from({ length: run.keys }, (_, i) => `${slug}_${i}`.padEnd(9, '0')),
  );
  const input = create(CreateContextInputSchema, {
    executionId: 'aexe-bench',
    org: 'acme',
    creator: 'bench',
    requestDigest: Buffer.alloc(32, 7),
    data: Object.fromEntries(names.map((name) => [name, { value: 'v'.repeat(VALUE_BYTES), isSecret: true }])),
  });
  return callOf({
    address: (await contextStub(bench)).address,
    path: CREATE,
    metadata: await bench.identify('resolver-service', 'execution-context-service'),
    messages: [toBinary(CreateContextInputSchema, input)],
  });
}

function callOf({ address, path, metadata, messages }: Step): BareStep {
  const message = Buffer.from(messages[0] ?? []).toString('base64');
  return { kind: 'call', address, path, metadata, message };
}

/** The resolver's part: it calls the next hops and answers what the real one answered. */
async function bareResolver(bench: Bench, step: Step, steps: readonly BareStep[]): Promise<string> {
  const answer = (await rawCall(step)).toString('base64');
  const { address } = await bench.bareServer({ rpcs: [{ path: step.path, answer, steps }] });
  return address;
}

/** What a run waits for: the merge of three environments with their values, without the write of the context. */
export const resolve: Figure = {
  name: 'resolve',
  run: async (bench) => [await measureRuns(bench, 'resolve', () => prepareStep(bench, RUN))],
};

/** The same of runs that name other environments each. */
export const resolveApart: Figure = {
  name: 'resolve.apart',
  run: async (bench) => [await measureRuns(bench, 'resolve.apart', () => apartStep(bench))],
};

export async function apartStep(bench: Bench): Promise<Step> {
  const messages: Uint8Array[] = [];
  // One after the other: the first time, each makes its environments.
  for (const run of APART) messages.push(...(await prepareStep(bench, run)).messages);
  return { ...(await prepareStep(bench, RUN)), messages };
}

async function measureRuns(bench: Bench, name: string, step: () => Promise<Step>): Promise<Row> {
  const hops = [
    await bareEnvironments(bench, RUN, await openStep(bench, RUN, false)),
    await bareContexts(bench, RUN),
  ];
  const bare = await bareResolver(bench, await prepareStep(bench, RUN), hops);
  return compare(bench, {
    name,
    unit: 'runs/s',
    measure: async () => bench.load([await step()]),
    floor: async () => bench.load([{ ...(await step()), address: bare }]),
  });
}

/** The same merge for people, redacted. */
export const explain: Figure = {
  name: 'explain',
  async run(bench) {
    const step = () => explainStep(bench, RUN);
    const hops = [await bareEnvironments(bench, RUN, await openStep(bench, RUN, true))];
    const bare = await bareResolver(bench, await step(), hops);
    const row = await compare(bench, {
      name: 'explain',
      unit: 'calls/s',
      measure: async () => bench.load([await step()]),
      floor: async () => bench.load([{ ...(await step()), address: bare }]),
    });
    return [row];
  },
};

/** Ten times the keys: the floor of the second line is a tenth of the first one's rate. */
export const growthInKeys: Figure = {
  name: 'resolve.keys',
  async run(bench) {
    const few = { slugs: ['fifty'], keys: 50, secrets: 20 };
    const many = { slugs: ['five-hundred'], keys: 500, secrets: 200 };
    const tenth = async () => {
      const { rate, p50Ms, p99Ms } = await bench.load([await prepareStep(bench, few)]);
      return { rate: rate / 10, p50Ms: p50Ms * 10, p99Ms: p99Ms * 10 };
    };
    const row = await compare(bench, {
      name: 'resolve.keys.500',
      unit: 'runs/s',
      measure: async () => bench.load([await prepareStep(bench, many)]),
      floor: tenth,
    });
    const fifty = await bench.load([await prepareStep(bench, few)]);
    return [rowOf('resolve.keys.50', 'runs/s', fifty), row];
  },
};
