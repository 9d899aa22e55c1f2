import { create, toBinary } from '@bufbuild/protobuf';
import { EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import { EnvironmentCommandController } from '@stigmer/proto/agentic/environment/v1/command';
import { EnvironmentUpdateVariablesInputSchema } from '@stigmer/proto/agentic/environment/v1/io';
import { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import { ApiResourceIdSchema } from '@stigmer/proto/commons/apiresource/io';
import type { Bench } from '../bench';
import { compare, type Figure } from '../figure';
import { bareDatabase } from '../floors/database';
import { ROUND, type Step } from '../load';
import { pathOf, rawCall } from '../raw-call';
import { environmentOf } from '../samples';
import { ENVIRONMENTS, environmentService, storedEnvironment } from '../world';

/** More than there are connections, so that no two rounds under way write to the same environment. */
const UPDATED = 64;

/** The call of one redacted read of 50 keys, straight at the service. */
export async function getStep(bench: Bench): Promise<Step> {
  const { address } = await environmentService(bench);
  const value = await storedEnvironment(bench, 'get', 50, 20);
  return {
    address,
    path: pathOf(EnvironmentQueryController.method.get),
    metadata: await bench.identify('gateway', 'environment-service'),
    messages: [toBinary(ApiResourceIdSchema, create(ApiResourceIdSchema, { value }))],
  };
}

/** The address of a server of grpc-js alone that answers what `step` was answered. */
export async function bareAnswer(bench: Bench, step: Step): Promise<string> {
  const answer = (await rawCall(step)).toString('base64');
  const { address } = await bench.bareServer({ rpcs: [{ path: step.path, answer, steps: [] }] });
  return address;
}

/** One redacted read of 50 keys; the floor is grpc-js answering the same bytes. */
export const environmentGet: Figure = {
  name: 'environment.get',
  async run(bench) {
    const bare = await bareAnswer(bench, await getStep(bench));
    const row = await compare(bench, {
      name: 'environment.get',
      unit: 'calls/s',
      measure: async () => bench.load([await getStep(bench)]),
      floor: async () => bench.load([{ ...(await getStep(bench)), address: bare }]),
    });
    return [row];
  },
};

/** A new environment of 50 keys with 20 secrets; the floor is the bare driver's insert of the same document. */
export const environmentWrite: Figure = {
  name: 'environment.write',
  async run(bench) {
    const stored = { ...ENVIRONMENTS, id: await storedEnvironment(bench, 'written', 50, 20) };
    const message = create(EnvironmentSchema, environmentOf(ROUND, 50, 20));
    const messages = [toBinary(EnvironmentSchema, message)];
    const path = pathOf(EnvironmentCommandController.method.create);
    const row = await compare(bench, {
      name: 'environment.write',
      unit: 'writes/s',
      measure: async () => bench.load([{ ...(await commands(bench)), path, messages }]),
      floor: () => bareDatabase(bench, stored, ['insert']),
    });
    return [row];
  },
};

/** One value of 50 changes; the floor is the bare insert of the past revision and the bare replacement. */
export const environmentUpdate: Figure = {
  name: 'environment.update',
  async run(bench) {
    const slugs = Array.from({ length: UPDATED }, (_, index) => `updated-${index}`);
    const ids = await Promise.all(slugs.map((slug) => storedEnvironment(bench, slug, 50, 20)));
    const messages = ids.map(updateMessage);
    const path = pathOf(EnvironmentCommandController.method.updateVariables);
    const row = await compare(bench, {
      name: 'environment.update',
      unit: 'writes/s',
      measure: async () => bench.load([{ ...(await commands(bench)), path, messages }]),
      floor: () => bareDatabase(bench, { ...ENVIRONMENTS, id: ids[0] ?? '' }, ['insert-revision', 'replace']),
    });
    return [row];
  },
};

function updateMessage(environmentId: string): Uint8Array {
  const variables = { CHANGED: { value: ROUND, isSecret: true } };
  return toBinary(
    EnvironmentUpdateVariablesInputSchema,
    create(EnvironmentUpdateVariablesInputSchema, { environmentId, variables }),
  );
}

async function commands(bench: Bench): Promise<Pick<Step, 'address' | 'metadata'>> {
  const { address } = await environmentService(bench);
  return { address, metadata: await bench.identify('gateway', 'environment-service') };
}
