import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

/** A wire between a service and a server it needs, which a test can cut and mend. */
export interface Wire {
  readonly address: string;
  cut(): void;
  mend(): void;
  close(): void;
}

/** Forwards to `target` (host:port) until it is cut; then connections are refused and existing ones end. */
export async function wireTo(target: string): Promise<Wire> {
  const [host = '', port = ''] = target.split(':');
  const sockets = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), host);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  const drop = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`,
    cut: () => {
      whole = false;
      drop();
    },
    mend: () => {
      whole = true;
    },
    close: () => {
      server.close();
      drop();
    },
  };
}
