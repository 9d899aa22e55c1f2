import fc from 'fast-check';
import { decodeBase64 } from './base64';

describe('Strict base64', () => {
  it('decodes what was encoded', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeBase64(Buffer.from(bytes).toString('base64'))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it.each(['QQ', 'QQ=', 'QR==', 'Q Q==', 'QQ==\n', '_-8=', 'Qé==', 'QQ==QQ=='])('refuses %j', (text) => {
    expect(() => decodeBase64(text)).toThrow('not canonical base64');
  });
});
