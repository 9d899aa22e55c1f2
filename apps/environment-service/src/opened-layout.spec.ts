import { randomBytes } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { importKey, KeyRing } from '@stigmer/crypto';
import { OpenedEnvironmentSchema } from '@stigmer/proto/internal/v1/environment_vault';
import fc from 'fast-check';
import type { EnvironmentDocument, StoredVariable } from './environment-document';
import { EnvironmentSecrets } from './environment-secrets';
import { layoutOf } from './opened-layout';
import { documentOf } from './testing/documents';

const ring = new KeyRing(importKey(randomBytes(32)));

interface Given {
  readonly text: string;
  readonly secret: boolean;
  readonly description: string;
  readonly final: boolean;
  readonly expires: Date | undefined;
}

const given = fc.record<Given>({
  text: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.constant('x'.repeat(20_000))),
  secret: fc.boolean(),
  description: fc.string({ maxLength: 20 }),
  final: fc.boolean(),
  expires: fc.option(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }), {
    nil: undefined,
  }),
});
const variables = fc.dictionary(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/), given, { maxKeys: 12 });

/** A sealed environment with these variables. */
function sealed(values: Readonly<Record<string, Given>>): EnvironmentDocument {
  const place = documentOf({});
  const secrets = EnvironmentSecrets.create(ring, place);
  const data = new Map(
    Object.entries(values).map(
      ([name, { text, secret, description, final, expires }]): [string, StoredVariable] => {
        const value = secret ? secrets.seal(name, text) : text;
        const variable = { value, is_secret: secret, description, optional: false, final };
        return [name, expires === undefined ? variable : { ...variable, expires_at: expires }];
      },
    ),
  );
  return secrets.sealed({ ...place, data });
}

function opened(document: EnvironmentDocument) {
  const layout = layoutOf(document);
  const bytes = Buffer.alloc(layout.openedLength);
  // Whoever asks has looked at the document as a whole; here it is the values alone that say no.
  layout.openInto(bytes, EnvironmentSecrets.unchecked(ring, document));
  return fromBinary(OpenedEnvironmentSchema, Buffer.concat([layout.names, bytes]));
}

describe('An answer that is laid out before its secrets are opened', () => {
  it('reads as the contract says: every variable with its plaintext and all that belongs to it', () => {
    fc.assert(
      fc.property(variables, (values) => {
        const document = sealed(values);
        const { id, revision, data } = opened(document);
        expect([id, revision]).toEqual(['env-1', 'ver-1']);
        expect(Object.keys(data).sort()).toEqual(Object.keys(values).sort());
        for (const [name, { text, secret, description, final, expires }] of Object.entries(values)) {
          const expiresAt = expires && timestampFromDate(expires);
          expect(data[name]).toMatchObject({ value: text, isSecret: secret, description, final });
          expect(data[name]?.expiresAt).toEqual(expiresAt);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('holds no plaintext by itself, and redacted only the lengths of secrets', () => {
    const canary = 'canary-1f8e0b';
    const base = { description: '', final: false, expires: undefined };
    const document = sealed({
      T: { ...base, text: canary, secret: true },
      P: { ...base, text: 'plain', secret: false },
    });
    opened(document);
    const layout = layoutOf(document);
    const { names, redacted } = layout;
    const gapped = Buffer.alloc(layout.openedLength);
    layout.copyInto(gapped);
    for (const bytes of [names, redacted, gapped])
      expect(Buffer.from(bytes).toString('latin1')).not.toContain(canary);
    const read = fromBinary(OpenedEnvironmentSchema, redacted);
    expect(read.data['T']).toMatchObject({ value: '', isSecret: true });
    expect(read.secretBytes).toEqual({ T: canary.length });
    expect(opened(document).data['T']?.value).toBe(canary);
  });

  it('refuses a value that was altered, naming its key and no value', () => {
    const base = { text: 'secret', secret: true, description: '', final: false, expires: undefined };
    const document = sealed({ GOOD: base, BAD: base });
    const bad = document.data.get('BAD');
    for (const value of ['enc:v2:AAAA', 'enc:v2:!', document.data.get('GOOD')?.value ?? '']) {
      const data = new Map([
        ...document.data,
        ['BAD', { ...base, optional: false, ...bad, is_secret: true, value }] as const,
      ]);
      expect(() => opened({ ...document, data })).toThrow(/the secret BAD of the environment prod/);
    }
  });
});
