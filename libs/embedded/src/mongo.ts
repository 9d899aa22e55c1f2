import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mongoProgram } from './binaries';
import { startServer, type EmbeddedServer, type ServerOptions } from './embedded-server';
import { probeTcp } from './probe';

/** `{ hello: 1, $db: "admin" }` as an OP_MSG: a length, ids, the opcode 2013, no flags, one BSON document. */
const HELLO = Buffer.from(
  '34000000' +
    '01000000' +
    '00000000' +
    'dd070000' +
    '00000000' +
    '00' +
    '1f000000' +
    '1068656c6c6f0001000000' +
    '022464620006000000' +
    '61646d696e00' +
    '00',
  'hex',
);

/** Starts SecantusDB, which speaks MongoDB's wire protocol and stores with WiredTiger. */
export async function startMongo(
  options: ServerOptions = {},
): Promise<EmbeddedServer & { readonly url: string }> {
  const { server, port } = await startServer(
    {
      name: 'the MongoDB-wire server (SecantusDB)',
      program: mongoProgram,
      args: async (chosen, folder) => {
        // Without a file of our own it would read one from the home folder or from /etc.
        const config = join(folder, 'secantusd.toml');
        await writeFile(config, '');
        return [
          ...['--config', config, '--storage-path', join(folder, 'db')],
          ...['--host', '127.0.0.1', '--port', String(chosen), '--log-level', 'WARNING'],
          // Without it a kill loses writes that were acknowledged.
          '--sync-on-commit',
          ...['--cache-size', '128M'],
        ];
      },
      probe: (chosen) => probeTcp(chosen, HELLO, 'maxWireVersion'),
    },
    options,
  );
  return { ...server, url: `mongodb://127.0.0.1:${port}/?directConnection=true` };
}
