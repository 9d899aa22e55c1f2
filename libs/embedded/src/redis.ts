import { redisProgram } from './binaries';
import { startServer, type EmbeddedServer, type ServerOptions } from './embedded-server';
import { probeTcp } from './probe';

/** Starts Valkey as what Redis is here, a cache and a bus: it keeps nothing on disk. */
export async function startRedis(
  options: ServerOptions = {},
): Promise<EmbeddedServer & { readonly url: string }> {
  const { server, port } = await startServer(
    {
      name: 'Valkey',
      program: redisProgram,
      args: (chosen, folder) => [
        ...['--bind', '127.0.0.1', '--port', String(chosen), '--dir', folder],
        ...['--save', '', '--appendonly', 'no', '--maxmemory', '256mb', '--maxmemory-policy', 'allkeys-lru'],
      ],
      probe: (chosen) => probeTcp(chosen, Buffer.from('PING\r\n'), '+PONG'),
    },
    options,
  );
  return { ...server, url: `redis://127.0.0.1:${port}` };
}
