import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** Below the ports that Linux (from 32768) and macOS (from 49152) hand out by themselves. */
const FIRST_PORT = 15_000;
const PORTS = 17_000;
/** So long a port is kept for whoever asked for it: by then its server has bound it. */
const HOLD_MS = 60_000;

/**
 * A TCP port of 127.0.0.1 that nothing listens on. Chosen here and not by the kernel, which would soon give the same
 * port to somebody else's connection: between this call and the server's own bind, seconds may pass.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + randomInt(PORTS);
    if ((await reserve(port)) && (await isFree(port))) return port;
  }
}

/**
 * Keeps a port from all others who look for one here, in whatever process, while its server has not bound it yet. By its
 * twin among the UDP ports: the kernel gives that to one alone, and takes it back from a process that dies.
 */
async function reserve(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.removeAllListeners('error').unref();
      setTimeout(socket.close.bind(socket), HOLD_MS).unref();
      resolve(true);
    });
  });
}

/** Throws a sentence a person can act on where something listens on the port already. */
export async function requireFreePort(port: number, what: string): Promise<void> {
  if (await isFree(port)) return;
  throw new Error(`port ${port} for ${what} is in use: stop what listens there, or choose another port`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
