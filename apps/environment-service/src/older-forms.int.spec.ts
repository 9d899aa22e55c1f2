import { createCipheriv, randomBytes } from 'node:crypto';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import { startEnvironmentService, type TestService } from './testing/environment-service';
import { environment, failure, idOf, orgOf, raw } from './testing/environments';

const kek = randomBytes(32);
/** Ends in the middle of a character. */
const BINARY = Buffer.concat([Buffer.from('canary-b1a2'), Buffer.from([0xc3, 0x28, 0xff])]);
let mongo: EmbeddedServer & { readonly url: string };
let service: TestService;
let gateway: ReturnType<TestService['as']>;

beforeAll(async () => {
  mongo = await startMongo();
  service = await startEnvironmentService({ mongoUrl: mongo.url, key: kek.toString('base64') });
  gateway = service.as('gateway');
});

afterAll(async () => {
  await service.close();
  await mongo.stop();
});

function olderForm(bytes: Buffer): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', kek, iv, { authTagLength: 16 });
  return `enc:v1:${Buffer.concat([iv, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]).toString('base64')}`;
}

/** An environment of an earlier system whose secret TOKEN is what no text is. */
async function holdingBytes(): Promise<Environment> {
  const made = await gateway.commands.create(
    environment({ TOKEN: { value: 'x', isSecret: true }, LEVEL: { value: 'info' } }),
  );
  const change = { $set: { 'data.TOKEN.value': olderForm(BINARY) }, $unset: { crypto: 1 } } as const;
  await raw(mongo.url, (db) =>
    db.collection<{ _id: string }>('environments').updateOne({ _id: idOf(made) }, change),
  );
  return made;
}

async function open(resource: Environment) {
  return service
    .as('resolver-service')
    .vault.open({ org: orgOf(resource), references: [{ slug: idOf(resource) }] });
}

describe('A secret of an earlier system that is no text', () => {
  it('is FAILED_PRECONDITION wherever it would be read or rewritten, naming environment and key and no byte of it', async () => {
    const resource = await holdingBytes();
    const environmentId = idOf(resource);
    const attempts = [
      open(resource),
      gateway.queries.getSecretValue({ environmentId, key: 'TOKEN' }, service.owner),
      gateway.commands.updateVariables({ environmentId, variables: { LEVEL: { value: 'debug' } } }),
    ];
    for (const { kind, message } of await Promise.all(attempts.map(failure))) {
      expect(kind).toBe('failed-precondition');
      expect(message).toContain(`the secret TOKEN of the environment github-prod (${environmentId})`);
      expect(message).not.toContain('canary');
    }
    const log = service.lines.join('');
    const shown = [BINARY.toString('latin1'), BINARY.toString('utf8'), BINARY.toString('hex')];
    for (const form of [...shown, BINARY.toString('base64')]) expect(log).not.toContain(form.slice(0, 11));
  });

  it('is repaired by writing it anew', async () => {
    const resource = await holdingBytes();
    const variables = { TOKEN: { value: 'anew', isSecret: true } };
    await gateway.commands.updateVariables({ environmentId: idOf(resource), variables });
    expect((await open(resource)).environments[0]?.data['TOKEN']?.value).toBe('anew');
  });
});
