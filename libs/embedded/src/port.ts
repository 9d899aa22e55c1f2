import { createServer, type AddressInfo } from 'node:net';

/** A TCP port of 127.0.0.1 that nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  return listenBriefly(0);
}

/** Throws a sentence a person can act on where something listens on the port already. */
export async function requireFreePort(port: number, what: string): Promise<void> {
  try {
    await listenBriefly(port);
  } catch (cause) {
    throw new Error(`port ${port} for ${what} is in use: stop what listens there, or choose another port`, {
      cause,
    });
  }
}

async function listenBriefly(port: number): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const { port: chosen } = server.address() as AddressInfo;
      server.close(() => {
        resolve(chosen);
      });
    });
  });
}
