import { BlockList, isIP } from 'node:net';
import { address, serviceConfig } from '@stigmer/service/plain';
import { z } from 'zod';

const DEFAULT_LISTEN = '127.0.0.1:7234,[::1]:7234';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * The gateway knows its callers by one local token, and most of the contract needs not even that. So it serves
 * this machine alone: anything but a literal loopback address is refused, names too, since a name may mean anything.
 */
const loopbackAddress = address.refine(
  (text) => isLoopback(hostOf(text)),
  'must be loopback addresses: without a login the gateway serves this machine alone',
);

/** The gateway's variables. */
export const gatewayConfig = z.object({
  STIGMER_LISTEN: z
    .string()
    .default(DEFAULT_LISTEN)
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(loopbackAddress).min(1))
    .meta({
      description: 'Where the gateway listens: loopback addresses as host:port, separated by commas.',
    }),
  STIGMER_IDENTITY_KEY: serviceConfig.shape.STIGMER_IDENTITY_KEY,
  STIGMER_LOCAL_TOKEN: z.string().min(32).optional().meta({
    description:
      'What the owner of this installation sends as x-stigmer-local-token. Without it nobody is the owner.',
    fileOnly: true,
  }),
  STIGMER_ENVIRONMENT_SERVICE: address.meta({ description: 'The address of the environment-service.' }),
  STIGMER_CONTEXT_SERVICE: address.meta({ description: 'The address of the execution-context-service.' }),
  STIGMER_RESOLVER_SERVICE: address.meta({ description: 'The address of the resolver-service.' }),
  STIGMER_CONTROL_PLANE: address.meta({ description: 'The address of the control-plane.' }),
  STIGMER_LOG_LEVEL: serviceConfig.shape.STIGMER_LOG_LEVEL,
});

/** The gateway's parsed configuration. */
export type GatewayConfig = z.infer<typeof gatewayConfig>;

/** The host of `host:port`, without the brackets of an IPv6 address. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

function isLoopback(host: string): boolean {
  switch (isIP(host)) {
    case 4:
      return loopback.check(host, 'ipv4');
    case 6:
      return loopback.check(host, 'ipv6');
    default:
      return false;
  }
}
