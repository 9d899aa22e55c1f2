import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What the documentation of the Transit engine says that it answers: the part that is used here. */
export interface TransitServer {
  readonly address: string;
  readonly token: string;
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

const PREFIX = 'vault:v1:';
const CIPHER = 'aes-256-gcm';
const refused = (status: number, ...errors: readonly string[]): Answer => ({ status, body: { errors } });

/** `keys`: by mount and name, as `transit/stigmer`, those that are there from the start. */
export async function startTransit(keys: Readonly<Record<string, Buffer>> = {}): Promise<TransitServer> {
  const engine = new Engine(new Map(Object.entries(keys)));
  const token = `hvs.${randomBytes(12).toString('hex')}`;
  const server = createServer((request, response) => {
    void answer(engine, token, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    token,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function answer(
  engine: Engine,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = JSON.parse((await text(request)) || '{}') as Readonly<Record<string, string>>;
  const allowed = request.headers['x-vault-token'] === token && request.method === 'POST';
  const { status, body: sent } = allowed
    ? engine.handle((request.url ?? '').replace('/v1/', '').split('/'), body)
    : refused(403, 'permission denied');
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(sent === undefined ? '' : JSON.stringify(sent));
}

class Engine {
  constructor(private readonly keys: Map<string, Buffer>) {}

  handle(
    [mount = '', operation = '', name = '']: readonly string[],
    body: Readonly<Record<string, string>>,
  ): Answer {
    if (mount === 'sys') return { status: 204 };
    const path = `${mount}/${name}`;
    if (operation === 'keys') {
      this.keys.set(path, randomBytes(32));
      return { status: 200, body: {} };
    }
    const key = this.keys.get(path);
    if (key === undefined) return refused(400, 'encryption key not found');
    return operation === 'encrypt' ? encrypt(key, body) : decrypt(key, body);
  }
}

function encrypt(key: Buffer, body: Readonly<Record<string, string>>): Answer {
  const iv = randomBytes(12);
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: 16 }).setAAD(
    bytesOf(body['associated_data']),
  );
  const sealed = Buffer.concat([iv, cipher.update(bytesOf(body['plaintext'])), cipher.final()]);
  const ciphertext = PREFIX + Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64');
  return { status: 200, body: { data: { ciphertext, key_version: 1 } } };
}

function decrypt(key: Buffer, body: Readonly<Record<string, string>>): Answer {
  const { ciphertext = '' } = body;
  if (!ciphertext.startsWith(PREFIX)) return refused(400, 'invalid ciphertext: no prefix');
  const sealed = bytesOf(ciphertext.slice(PREFIX.length));
  try {
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, 12), { authTagLength: 16 })
      .setAAD(bytesOf(body['associated_data']))
      .setAuthTag(sealed.subarray(-16));
    const plaintext = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
    return { status: 200, body: { data: { plaintext: plaintext.toString('base64') } } };
  } catch {
    return refused(400, 'cipher: message authentication failed');
  }
}

function bytesOf(base64: string | undefined): Buffer {
  return Buffer.from(base64 ?? '', 'base64');
}
