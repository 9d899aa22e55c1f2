import { createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from './aead';
import { CryptoError } from './errors';

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly flags: readonly string[];
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
}

interface Group {
  readonly ivSize: number;
  readonly keySize: number;
  readonly tagSize: number;
  readonly tests: readonly Vector[];
}

const file = join(__dirname, '../testdata/wycheproof/aes_gcm_test.json');
const { testGroups: groups } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly testGroups: readonly Group[];
};
/** The only sizes that we write. */
const isOurs = ({ keySize, ivSize, tagSize }: Group): boolean =>
  keySize === 256 && ivSize === 96 && tagSize === 128;
const vectorsOf = (chosen: (group: Group) => boolean): readonly Vector[] =>
  groups.filter(chosen).flatMap(({ tests }) => tests);

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
/** As we store it: iv, ciphertext, tag. */
const opened = ({ key, iv, ct, tag, aad }: Vector): string =>
  open(createSecretKey(bytes(key)), bytes(iv + ct + tag), bytes(aad)).toString('hex');

function failureOf(vector: Vector): string {
  try {
    return `opened as ${opened(vector)}`;
  } catch (error) {
    return error instanceof CryptoError ? error.failure : 'not even tried';
  }
}

describe('The AES-GCM vectors of Project Wycheproof', () => {
  const ours = vectorsOf(isOurs);

  it('hold the cases of our sizes, and none whose result is left to taste', () => {
    expect(ours).toHaveLength(66);
    expect(ours.filter(({ result }) => result === 'acceptable')).toEqual([]);
  });

  it.each(ours.filter(({ result }) => result === 'valid'))('open: $tcId $flags $comment', (vector) => {
    expect(opened(vector)).toBe(vector.msg);
  });

  it.each(ours.filter(({ result }) => result === 'invalid'))(
    'are refused when they are invalid: $tcId $flags $comment',
    (vector) => {
      expect(failureOf(vector)).toBe('forged');
    },
  );

  it('are refused with an iv of another size, valid or not', () => {
    const others = vectorsOf((group) => group.keySize === 256 && !isOurs(group));
    expect(others.length).toBeGreaterThan(30);
    for (const vector of others) expect(failureOf(vector)).toMatch(/^(forged|format)$/);
  });

  it('are refused with a key of another size, valid or not', () => {
    const others = vectorsOf(({ keySize }) => keySize !== 256);
    expect(others.length).toBeGreaterThan(200);
    for (const vector of others) expect(failureOf(vector)).toMatch(/^(not even tried|format)$/);
  });
});
