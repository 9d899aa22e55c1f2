import { createCipheriv, randomBytes } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { importKey, KeyRing } from '@stigmer/crypto';
import { isVariableName, REDACTED } from '@stigmer/domain';
import { type Environment, EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import type { EnvironmentValueSchema } from '@stigmer/proto/agentic/environment/v1/spec';
import fc from 'fast-check';
import { type EnvironmentDocument, toResource } from './environment-document';
import { createDocument, editDocument, editOf } from './environment-edit';
import { rolledBack } from './environment-rollback';
import { EnvironmentSecrets, plaintextBytes } from './environment-secrets';
import { documentOf } from './testing/documents';

type Data = Record<string, MessageInitShape<typeof EnvironmentValueSchema>>;

const kek = randomBytes(32);
const ring = new KeyRing(importKey(Buffer.from(kek)));
const author = { by: 'bob', at: new Date(1) };
const names = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/).filter(isVariableName);
const data = fc.dictionary(
  names,
  fc.record({ value: fc.string().filter((v) => v.trim() !== REDACTED), isSecret: fc.boolean() }),
);

function resource(
  values: Data,
  metadata: { readonly id?: string; readonly slug?: string; readonly name?: string } = {},
): Environment {
  return create(EnvironmentSchema, {
    metadata: { name: 'Prod', org: 'acme', ...metadata },
    spec: { data: values },
  });
}

function created(values: Data, id = ''): EnvironmentDocument {
  const wanted = resource(values, { id });
  if (wanted.metadata === undefined) throw new Error('no metadata');
  return createDocument(ring, wanted.metadata, editOf(wanted), author);
}

function plaintexts(document: EnvironmentDocument): Record<string, string> {
  const secrets = EnvironmentSecrets.of(ring, document);
  return Object.fromEntries(
    [...document.data].map(([name, { value, is_secret }]) => [
      name,
      is_secret ? secrets.open(name, value) : value,
    ]),
  );
}

/** What earlier systems wrote: the key-encryption key itself, no associated data. */
function olderForm(text: string): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', kek, iv, { authTagLength: 16 });
  return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
    'base64',
  );
}

function olderDocument(values: Record<string, string>): EnvironmentDocument {
  const entries = Object.entries(values).map(([name, value]) => {
    return [name, { value, is_secret: true, description: '', optional: false, final: false }] as const;
  });
  return documentOf({ data: new Map(entries) });
}

describe('Read, edit, write', () => {
  it('changes nothing for whatever was read, redacted', () => {
    fc.assert(
      fc.property(data, (values) => {
        const document = created(values);
        const read = toResource(document);
        expect(editDocument(ring, document, editOf(read, document), author)).toEqual({ kind: 'unchanged' });
      }),
    );
  });

  it('ends with what was written, and keeps the ciphertext of each secret that stayed the same', () => {
    fc.assert(
      fc.property(data, data, (before, after) => {
        const document = created(before);
        const outcome = editDocument(ring, document, editOf(resource(after), document), author);
        const next = outcome.kind === 'unchanged' ? document : outcome.document;
        expect(plaintexts(next)).toEqual(
          Object.fromEntries(Object.entries(after).map(([n, v]) => [n, v.value])),
        );
        for (const [name, { value, is_secret }] of next.data) {
          const old = document.data.get(name);
          const same = is_secret && old?.is_secret === true && before[name]?.value === after[name]?.value;
          if (same) expect(value).toBe(old.value);
        }
      }),
    );
  });

  it('never carries a stored secret over to a readable variable', () => {
    const document = created({ TOKEN: { value: 'secret', isSecret: true } });
    const write = (values: Data) => () =>
      editDocument(ring, document, editOf(resource(values), document), author);
    expect(write({ TOKEN: { value: REDACTED, isSecret: false } })).toThrow(/TOKEN.*is_secret: false/);
    expect(write({ TOKEN: { value: `${REDACTED} `, isSecret: false } })).toThrow(/TOKEN.*is_secret: false/);
    expect(write({ OTHER: { value: `\t${REDACTED}\n`, isSecret: true } })).toThrow(/OTHER.*give its value/);
    expect(write({ OTHER: { value: REDACTED, isSecret: true } })).toThrow(/OTHER.*give its value/);
    const plain = created({ TOKEN: { value: 'plain' } });
    const guess = editOf(resource({ TOKEN: { value: REDACTED, isSecret: true } }), plain);
    expect(() => editDocument(ring, plain, guess, author)).toThrow(/TOKEN.*give its value/);
  });
});

describe('The length of a secret', () => {
  it('is told by its ciphertext, to the byte and in every form, and nothing is decrypted', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const bytes = Buffer.byteLength(text);
        const document = created({ TOKEN: { value: `${text}!`, isSecret: true } });
        expect(plaintextBytes(sealed(document))).toBe(bytes + 1);
        expect(plaintextBytes(olderForm(text))).toBe(bytes);
        expect(plaintextBytes(`enc:v1:${olderForm(text)}`)).toBe(bytes);
      }),
    );
    for (const altered of ['', 'enc:v2:', 'enc:v2:AAAA']) expect(plaintextBytes(altered)).toBe(0);
  });
});

describe('An id of the client', () => {
  it('is refused with the prefix of another kind, and kept without one', () => {
    for (const id of ['agt-my-own', 'wfl-prod', 'exec-1', 'ses-1']) {
      expect(() => created({}, id)).toThrow(/metadata\.id: \w+- begins the id of a resource of kind \w+/);
    }
    expect(() => created({}, 'agt-my-own')).toThrow('kind Agent: begin with env-, or leave it empty');
    for (const id of ['env-my-own', 'my-own', 'agtive-1', 'agt']) expect(created({}, id)._id).toBe(id);
  });
});

describe('The stored values of an environment', () => {
  const secrets = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`V${i}`, { value: 'x'.repeat(65_536), isSecret: true }]),
    );

  it('have at most 8 MiB as they are stored, sealed; the error names the limit', () => {
    expect(created(secrets(95)).data.size).toBe(95);
    const tooLarge = 'spec.data: at most 8388608 bytes of stored values in one environment';
    expect(() => created(secrets(96))).toThrow(tooLarge);
    const document = created(secrets(1));
    const grown = editOf(resource(secrets(96)), document);
    expect(() => editDocument(ring, document, grown, author)).toThrow(tooLarge);
  });
});

describe('A version', () => {
  it('changes with the description, the labels or a flag, and remembers the one before', () => {
    const document = created({ A: { value: 'x' } });
    const outcome = editDocument(
      ring,
      document,
      editOf(resource({ A: { value: 'x', optional: true } })),
      author,
    );
    expect(outcome).toMatchObject({
      kind: 'changed',
      document: { version: { previous: document.version.id }, updated: author },
    });
  });

  it('and the names are kept where a write leaves them out', () => {
    const document = documentOf({ slug: 'prod-1', name: 'Prod' });
    expect(editOf(resource({}, { name: '' }), document).facts).toMatchObject({
      slug: 'prod-1',
      name: 'Prod',
    });
    expect(editOf(resource({}, { name: 'New name' }), document).facts).toMatchObject({
      slug: 'prod-1',
      name: 'New name',
    });
    expect(() => editOf(resource({}, { slug: 'Not A Slug' }))).toThrow('metadata.slug: must be [a-z0-9-]');
  });
});

describe('A document of an earlier system', () => {
  it('is read in both of its forms', () => {
    const document = olderDocument({ BARE: olderForm('one'), PREFIXED: `enc:v1:${olderForm('two')}` });
    expect(plaintexts(document)).toEqual({ BARE: 'one', PREFIXED: 'two' });
  });

  it('is rewritten at its next write, keeping its version when nothing else changed', () => {
    const document = olderDocument({ BARE: olderForm('one'), PREFIXED: `enc:v1:${olderForm('two')}` });
    const read = toResource(document);
    const outcome = editDocument(ring, document, editOf(read, document), author);
    if (outcome.kind !== 'rewritten') throw new Error(outcome.kind);
    expect(outcome.document.version).toEqual(document.version);
    for (const { value } of outcome.document.data.values()) expect(value).toMatch(/^enc:v2:/);
    expect(plaintexts(outcome.document)).toEqual({ BARE: 'one', PREFIXED: 'two' });
  });

  it('is brought to the current form by going back to its only version, and loses nothing', () => {
    const document = olderDocument({ BARE: olderForm('one'), PREFIXED: `enc:v1:${olderForm('two')}` });
    const outcome = rolledBack(ring, document, document, '', author);
    if (outcome.kind !== 'rewritten') throw new Error(outcome.kind);
    expect(outcome.document.version).toEqual(document.version);
    expect(plaintexts(outcome.document)).toEqual({ BARE: 'one', PREFIXED: 'two' });
  });

  it('lends its form to no other: pasted into a sealed document, it is refused', () => {
    const document = created({ TOKEN: { value: 'x', isSecret: true } });
    for (const pasted of [olderForm('evil'), `enc:v1:${olderForm('evil')}`]) {
      const secrets = EnvironmentSecrets.of(ring, document);
      expect(() => secrets.open('TOKEN', pasted)).toThrow('the secret TOKEN of the environment prod');
    }
  });
});

describe('A rotated key', () => {
  it('takes a document over at its next write without touching a value', () => {
    const document = created({ TOKEN: { value: 'x', isSecret: true } });
    const next = new KeyRing(importKey(randomBytes(32)), [ring.active]);
    const outcome = editDocument(next, document, editOf(toResource(document), document), author);
    if (outcome.kind !== 'rewritten') throw new Error(outcome.kind);
    expect(outcome.document.crypto?.kid).toBe(next.active.id);
    expect(outcome.document.data).toEqual(document.data);
    expect(
      EnvironmentSecrets.of(new KeyRing(next.active), outcome.document).open('TOKEN', sealed(document)),
    ).toBe('x');
  });
});

function sealed(document: EnvironmentDocument): string {
  return document.data.get('TOKEN')?.value ?? '';
}
