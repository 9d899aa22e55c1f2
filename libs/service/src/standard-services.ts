import type { DescService } from '@bufbuild/protobuf';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { packageDefinition } from '@stigmer/proto';
import { HealthImplementation } from 'grpc-health-check';

/** How long running calls may take to end once a service has been told to stop. */
export const DRAIN_MS = 10_000;

/**
 * Health and reflection of `services`, straight on the gRPC server: no guard stands before them, so a probe needs
 * no identity. Answers the health, to be set to NOT_SERVING when the drain begins.
 */
export function addStandardServices(server: Server, services: readonly DescService[]): HealthImplementation {
  const names = services.map(({ typeName }) => typeName);
  const health = new HealthImplementation();
  for (const name of ['', ...names]) health.setStatus(name, 'SERVING');
  health.addToServer(server);
  // The library brings its own copy of grpc-js's types; what it reads are the descriptors' bytes.
  type Definition = ConstructorParameters<typeof ReflectionService>[0];
  const definition = packageDefinition(...services) as Definition;
  new ReflectionService(definition, { services: names }).addToServer(server);
  return health;
}

/** Runs a graceful stop and cuts off what is left of the calls when the drain time is over. */
export async function drain(server: Server, stop: () => Promise<void>): Promise<void> {
  const timer = setTimeout(() => {
    server.forceShutdown();
  }, DRAIN_MS);
  try {
    await stop();
  } finally {
    clearTimeout(timer);
  }
}
