import { awsProgram } from './binaries';
import { startServer, type EmbeddedServer, type ServerOptions } from './embedded-server';
import { probeTcp } from './probe';

/** Starts moto, which answers as AWS KMS does, over HTTP. For the tests: it checks no credentials and keeps nothing. */
export async function startAws(
  options: ServerOptions = {},
): Promise<EmbeddedServer & { readonly url: string }> {
  const { server, port } = await startServer(
    {
      name: 'AWS (moto)',
      program: awsProgram,
      args: (chosen) => ['--host', '127.0.0.1', '--port', String(chosen)],
      probe: (chosen) => probeTcp(chosen, Buffer.from('GET /moto-api/ HTTP/1.0\r\n\r\n'), '200 OK'),
    },
    options,
  );
  return { ...server, url: `http://127.0.0.1:${port}` };
}
