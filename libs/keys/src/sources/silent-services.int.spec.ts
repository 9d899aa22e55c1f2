import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { AwsKms } from './aws-kms';
import { VaultTransit } from './vault-transit';

const here = { ring: 'environment', kid: '0123456789abcdef' };

describe('A key service that accepts a connection and never answers', () => {
  it('is given up as unavailable, be it AWS KMS or Vault', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const variables = { ...process.env };
    Object.assign(process.env, { AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL: address });
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'spec', AWS_SECRET_ACCESS_KEY: 'spec' });
    try {
      const kms = new AwsKms('alias/stigmer');
      const vault = new VaultTransit({ address, token: () => 'hvs.spec', mount: 'transit', key: 'stigmer' });
      const failures = [kms, vault].map((wrapper) =>
        wrapper.wrap(randomBytes(32), here).catch((error: unknown) => error),
      );
      expect(await Promise.all(failures)).toEqual([
        expect.objectContaining({ failure: 'unavailable' }),
        expect.objectContaining({ failure: 'unavailable' }),
      ]);
    } finally {
      process.env = variables;
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});
