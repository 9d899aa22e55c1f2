import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '@stigmer/service';
import { testIdentities } from '@stigmer/service/testing';
import { gatewayConfig } from './config';

const folder = mkdtempSync(join(tmpdir(), 'stigmer-gateway-'));
const keyFile = join(folder, 'identity.jwk');
writeFileSync(keyFile, testIdentities().privateJwk.gateway, { mode: 0o600 });
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function read(listen?: string) {
  return readConfig(gatewayConfig, {
    STIGMER_LISTEN: listen,
    STIGMER_IDENTITY_KEY_FILE: keyFile,
    STIGMER_ENVIRONMENT_SERVICE: '127.0.0.1:1',
    STIGMER_CONTEXT_SERVICE: '127.0.0.1:2',
    STIGMER_RESOLVER_SERVICE: '127.0.0.1:3',
    STIGMER_CONTROL_PLANE: '127.0.0.1:4',
  });
}

describe('where the gateway listens', () => {
  it('is port 7234 on both loopback addresses, where nothing else is said', () => {
    expect(read().STIGMER_LISTEN).toEqual(['127.0.0.1:7234', '[::1]:7234']);
  });

  it('is what the configuration says', () => {
    expect(read('127.0.0.2:1, [::1]:2').STIGMER_LISTEN).toEqual(['127.0.0.2:1', '[::1]:2']);
  });

  it.each([
    '0.0.0.0:7234',
    '[::]:7234',
    '10.0.0.1:7234',
    'localhost:7234',
    'example.com:1',
    '[::ffff:10.0.0.1]:1',
    '127.0.0.1:1,0.0.0.0:1',
  ])('is never beyond this machine: %s', (listen) => {
    expect(() => read(listen)).toThrow(/STIGMER_LISTEN: must be/);
  });
});
