import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { create, toBinary } from '@bufbuild/protobuf';
import { credentials } from '@grpc/grpc-js';
import { grpcClient } from '@stigmer/proto';
import { EnvironmentCommandController } from '@stigmer/proto/agentic/environment/v1/command';
import { ResolveInputSchema } from '@stigmer/proto/agentic/resolver/v1/io';
import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import { ListWorkflowsRequestSchema } from '@stigmer/proto/agentic/workflow/v1/io';
import { WorkflowQueryController } from '@stigmer/proto/agentic/workflow/v1/query';
import type { Figure, Row } from '../figure';
import { rounded } from '../figure';
import type { Step } from '../load';
import { pathOf } from '../raw-call';
import { environmentOf, templateOf } from '../samples';
import { IDENTITY_HEADER } from '@stigmer/service';
import { addressOf, identityOf, type Stack, stack } from '../stack';
import { cycleSteps } from './context';

const run = promisify(execFile);
/** Long enough for what a start leaves to be collected. */
const IDLE_MS = 15_000;
const SLUGS = ['base', 'team', 'prod'] as const;

/** The resident memory of every service of `stigmer server start`: idle, and after load on those that take calls. */
export const memory: Figure = {
  name: 'memory',
  async run(bench) {
    const started = await stack(bench);
    await sleep(IDLE_MS);
    const idle = await residentMegabytes(started);
    await seed(started);
    for (const step of loadSteps(started)) await bench.load([step]);
    await bench.load(await contextSteps(started));
    const loaded = await residentMegabytes(started);
    return [...rowsOf('idle', idle), ...rowsOf('loaded', loaded)];
  },
};

function rowsOf(when: 'idle' | 'loaded', megabytes: ReadonlyMap<string, number>): readonly Row[] {
  return [...megabytes].map(([name, value]) => ({
    name: when === 'idle' ? `memory.${name}` : `memory.${name}.loaded`,
    value: rounded(value),
    unit: `MB ${when}`,
    p50_ms: null,
    p99_ms: null,
    floor: null,
    ratio: null,
  }));
}

async function residentMegabytes({ parts }: Stack): Promise<ReadonlyMap<string, number>> {
  const sizes = await Promise.all(
    parts.map(async ({ name, pid }) => {
      const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
      return [name, (Number(stdout) * 1_024) / 1e6] as const;
    }),
  );
  return new Map(sizes);
}

async function seed({ gateway }: Stack): Promise<void> {
  const client = grpcClient(EnvironmentCommandController, gateway, credentials.createInsecure());
  try {
    for (const slug of SLUGS) await client.create(environmentOf(slug, 50, 20));
  } finally {
    client.close();
  }
}

/** Through the gateway: reads of the control-plane and of the resolver, and by that of the environment-service. */
function loadSteps({ gateway }: Stack): readonly Step[] {
  const explained = create(ResolveInputSchema, {
    org: 'acme',
    template: templateOf(SLUGS),
    environmentRefs: SLUGS.map((slug) => ({ org: 'acme', slug })),
  });
  const listed = create(ListWorkflowsRequestSchema, { org: 'acme' });
  return [
    {
      address: gateway,
      path: pathOf(ResolverQueryController.method.explain),
      metadata: {},
      messages: [toBinary(ResolveInputSchema, explained)],
    },
    {
      address: gateway,
      path: pathOf(WorkflowQueryController.method.list),
      metadata: {},
      messages: [toBinary(ListWorkflowsRequestSchema, listed)],
    },
  ];
}

function contextSteps(started: Stack): Promise<readonly Step[]> {
  return cycleSteps({
    address: addressOf(started, 'execution-context-service'),
    identify: async (caller) => {
      const identity = await identityOf(started, caller);
      return { [IDENTITY_HEADER]: await identity.token('execution-context-service') };
    },
  });
}
