import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { routes } from './routes';
import type { GatewayConfig } from './config';

const PROTO = join(__dirname, '../../../libs/proto/proto');

/** The services that the proto files declare under a folder. */
function declared(folder: string): readonly string[] {
  return readdirSync(join(PROTO, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.proto'))
    .flatMap((file) => {
      const text = readFileSync(join(PROTO, folder, file), 'utf8');
      const [, name] = /^package (\S+);/m.exec(text) ?? [];
      return [...text.matchAll(/^service (\w+)/gm)].map(([, service]) => `${name ?? ''}.${service ?? ''}`);
    });
}

describe('the routes', () => {
  const config = {
    STIGMER_ENVIRONMENT_SERVICE: 'environment',
    STIGMER_CONTEXT_SERVICE: 'context',
    STIGMER_RESOLVER_SERVICE: 'resolver',
    STIGMER_CONTROL_PLANE: 'control-plane',
  } as unknown as GatewayConfig;
  const routed = routes(config).flatMap(({ services }) => services.map(({ typeName }) => typeName));

  it('are all services of the public contract, each once, and none of the internal ones', () => {
    expect([...routed].sort()).toEqual([...declared('ai/stigmer/agentic')].sort());
    expect(declared('ai/stigmer/internal').length).toBeGreaterThan(0);
  });
});
