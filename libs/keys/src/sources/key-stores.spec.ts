import { parseKeyStores } from './key-stores';

describe('The place that keys are added to', () => {
  it.each([
    ['directory:/var/lib/stigmer/keys', { kind: 'directory', path: '/var/lib/stigmer/keys' }],
    ['directory:/Users/a b/keys, old', { kind: 'directory', path: '/Users/a b/keys, old' }],
    ['aws-kms:alias/stigmer', { kind: 'aws-kms', keyId: 'alias/stigmer' }],
    [
      'aws-kms:arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      {
        kind: 'aws-kms',
        keyId: 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      },
    ],
    ['vault-transit:transit/stigmer', { kind: 'vault-transit', mount: 'transit', key: 'stigmer' }],
    [
      'vault-transit:team/a/transit/stigmer',
      { kind: 'vault-transit', mount: 'team/a/transit', key: 'stigmer' },
    ],
  ])('is read from %s', (text, location) => {
    expect(parseKeyStores(text)).toEqual([location]);
  });

  it('may be followed by those that keys come from too, as when a ring moves', () => {
    const kinds = parseKeyStores('aws-kms:alias/new,\n vault-transit:transit/old directory:/keys');
    expect(kinds.map(({ kind }) => kind)).toEqual(['aws-kms', 'vault-transit', 'directory']);
  });

  it.each([
    '',
    'keys',
    '/keys',
    'directory:',
    'directory:keys',
    'aws-kms:',
    'aws-kms:a b',
    'vault-transit:stigmer',
    'vault-transit:../sys/stigmer',
    'vault-transit:transit/a?b',
    'vault-transit:transit//a',
    'gcp-kms:projects/p',
    'AWS-KMS:alias/stigmer',
  ])('is not %j, and the refusal says what is', (text) => {
    expect(() => parseKeyStores(text)).toThrow(/directory:<path>, aws-kms:.*vault-transit:/);
  });
});
