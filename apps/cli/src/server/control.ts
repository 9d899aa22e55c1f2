/**
 * The supervisor's socket in the file system: who can connect has found a running server, whatever process ids say
 * after a crash or a reboot; and only one supervisor can listen on it. Its folder is the owner's alone.
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

type Request = 'status' | 'stop';

/** `reply` may be called any number of times; the connection stays open until the caller or the process ends. */
export type Handler = (request: Request, reply: (answer: unknown) => void) => void;

/** The longest path that macOS, the stricter one, takes for a socket. */
const LONGEST_PATH = 103;

/** Listens, and takes the place of a supervisor that died; fails where one lives. */
export async function listen(path: string, handler: Handler): Promise<Server> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new Error(`${path} is too long for a socket: choose a shorter --home`);
  }
  const alive = await connectTo(path);
  if (alive !== undefined) {
    alive.destroy();
    throw new Error('the server is already running');
  }
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    serve(socket, handler);
  });
  server.listen(path);
  await once(server, 'listening');
  return server;
}

function serve(socket: Socket, handler: Handler): void {
  // A caller that went away is not our trouble.
  socket.on('error', () => undefined);
  createInterface(socket).on('line', (line) => {
    if (line !== 'status' && line !== 'stop') return;
    handler(line, (answer) => {
      if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
    });
  });
}

/** Sends one request and yields the answers; nothing at all where no supervisor listens. */
export async function* ask(path: string, request: Request): AsyncGenerator {
  const socket = await connectTo(path);
  if (socket === undefined) return;
  socket.on('error', () => undefined);
  try {
    socket.write(`${request}\n`);
    for await (const line of createInterface(socket)) yield JSON.parse(line);
  } finally {
    socket.destroy();
  }
}

async function connectTo(path: string): Promise<Socket | undefined> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return socket;
  } catch {
    return undefined;
  }
}
