import { createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { open, seal } from './aead';

const key = createSecretKey(randomBytes(32));
const bytes = fc.uint8Array({ maxLength: 200 });

describe('AEAD', () => {
  it('opens what it sealed', () => {
    fc.assert(
      fc.property(bytes, bytes, (plaintext, aad) => {
        expect(open(key, seal(key, plaintext, aad), aad)).toEqual(Buffer.from(plaintext));
      }),
    );
  });

  it('refuses a ciphertext with any one bit flipped', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), fc.integer({ min: 0, max: 7 }), (plaintext, at, bit) => {
        const sealed = seal(key, plaintext, Buffer.from('here'));
        const index = at % sealed.length;
        sealed.writeUInt8(sealed.readUInt8(index) ^ (1 << bit), index);
        expect(() => open(key, sealed, Buffer.from('here'))).toThrow(/altered/);
      }),
    );
  });

  it('refuses other associated data and another key', () => {
    const sealed = seal(key, Buffer.from('x'), Buffer.from('here'));
    expect(() => open(key, sealed, Buffer.from('there'))).toThrow(/another place/);
    expect(() => open(createSecretKey(randomBytes(32)), sealed, Buffer.from('here'))).toThrow(
      /another place/,
    );
  });

  it.each(Array.from({ length: 16 }, (_, kept) => kept))('refuses a tag cut to %i bytes', (kept) => {
    const sealed = seal(key, Buffer.from('some plaintext'), Buffer.alloc(0));
    expect(() => open(key, sealed.subarray(0, sealed.length - 16 + kept), Buffer.alloc(0))).toThrow();
  });

  it('refuses what is too short to hold an iv and a tag', () => {
    expect(() => open(key, Buffer.alloc(27), Buffer.alloc(0))).toThrow('a ciphertext is too short');
  });

  it('never seals the same text the same way twice', () => {
    const sealed = Array.from({ length: 100 }, () =>
      seal(key, Buffer.from('x'), Buffer.alloc(0)).toString('hex'),
    );
    expect(new Set(sealed).size).toBe(100);
  });

  // Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation".
  it('opens the published AES-256-GCM vector', () => {
    const hex = (text: string) => Buffer.from(text, 'hex');
    const published = createSecretKey(hex('feffe9928665731c6d6a8f9467308308'.repeat(2)));
    const sealed = hex(
      'cafebabefacedbaddecaf888' +
        '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662' +
        '76fc6ece0f4e1768cddf8853bb2d551b',
    );
    expect(open(published, sealed, hex('feedfacedeadbeeffeedfacedeadbeefabaddad2')).toString('hex')).toBe(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    );
  });
});
