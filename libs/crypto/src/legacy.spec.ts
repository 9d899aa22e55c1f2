import { randomBytes } from 'node:crypto';
import { seal } from './aead';
import { importKey, KeyRing } from './key-ring';
import { openLegacyValue } from './legacy';

describe('An older form', () => {
  const [active, old] = [importKey(randomBytes(32)), importKey(randomBytes(32))];
  const stored = seal(old.key, Buffer.from('kept'), Buffer.alloc(0)).toString('base64');

  it('opens with a previous key too', () => {
    expect(openLegacyValue(new KeyRing(active, [old]), stored).reveal()).toBe('kept');
  });

  it('that no key opens is refused, naming the keys that were tried', () => {
    expect(() => openLegacyValue(new KeyRing(active), stored)).toThrow(active.id);
  });

  it.each([[[0xff]], [[0x41, 0xc3]], [[0xed, 0xa0, 0x80]]])(
    'that holds the bytes %j, which are no text, is refused without them',
    (bytes) => {
      const binary = seal(active.key, Buffer.from(bytes), Buffer.alloc(0)).toString('base64');
      const refusal = expect(() => openLegacyValue(new KeyRing(active, [old]), `enc:v1:${binary}`));
      refusal.toThrow(/^is not text in UTF-8$/);
    },
  );

  it('keeps a text as it is, its byte order mark and its replacement characters too', () => {
    const text = '\ufeffa\ufffd\u0000é';
    const sealed = seal(active.key, Buffer.from(text), Buffer.alloc(0)).toString('base64');
    expect(openLegacyValue(new KeyRing(active), sealed).reveal()).toBe(text);
  });

  it.each(['not base64', 'kept', `enc:v2:${stored}`, `enc:v1:enc:v1:${stored}`])('is not %j', (text) => {
    expect(() => openLegacyValue(new KeyRing(old), text)).toThrow(/not canonical base64|too short/);
  });
});
