import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { LayerEntry } from '@stigmer/domain';
import {
  type OpenedEnvironment,
  OpenedEnvironmentSchema,
  OpenedEnvironmentsSchema,
} from '@stigmer/proto/internal/v1/environment_vault';
import fc from 'fast-check';
import { LayerCache } from './layer-cache';
import { readLayer, readOpened } from './opened';

const text = fc.string({ unit: 'grapheme', maxLength: 80 });
const name = fc.oneof(
  fc.constantFrom('TOKEN', 'constructor', 'toString'),
  text.filter((key) => key !== '__proto__'),
);
const value = fc.record(
  {
    value: text,
    isSecret: fc.boolean(),
    description: text,
    optional: fc.boolean(),
    final: fc.boolean(),
    expiresAt: fc.record({ seconds: fc.bigInt(-(10n ** 10n), 10n ** 10n), nanos: fc.constant(5_000_000) }),
  },
  { requiredKeys: [] },
);
const environment = fc
  .record({
    ...{ id: text, slug: text, org: text, name: text, revision: text },
    data: fc.dictionary(name, value),
    secretBytes: fc.dictionary(name, fc.nat()),
    via: fc.array(text),
  })
  .map((init) => create(OpenedEnvironmentSchema, init));

/** What the generated messages say of an environment. */
function asGenerated({ id, slug, revision, org, via, data, secretBytes }: OpenedEnvironment) {
  const entries = Object.entries(data).map(([key, one]): [string, LayerEntry] => [
    key,
    {
      text: one.value,
      secret: one.isSecret,
      optional: undefined,
      description: one.description,
      final: one.final,
      expiresAt: one.expiresAt === undefined ? undefined : timestampMs(one.expiresAt),
    },
  ]);
  return {
    source: { kind: 'environment', id, slug, revision, via },
    org,
    entries: new Map(entries),
    secretBytes: new Map(Object.entries(secretBytes)),
  };
}

const encode = (one: OpenedEnvironment) => toBinary(OpenedEnvironmentSchema, one);

describe('reading opened environments', () => {
  it('finds what the generated messages hold, whatever that is', () => {
    fc.assert(
      fc.property(fc.array(environment, { maxLength: 3 }), (environments) => {
        const missing = [{ slug: 'gone', org: 'acme', version: 'v1' }];
        const importProblems = [{ code: 'import-cycle', path: ['a', 'b', 'a'] }];
        const init = { environments, missing, importProblems };
        const bytes = toBinary(OpenedEnvironmentsSchema, create(OpenedEnvironmentsSchema, init));
        const generated = fromBinary(OpenedEnvironmentsSchema, bytes);
        const opened = readOpened(bytes);
        expect(opened.layers).toEqual(generated.environments.map(asGenerated));
        expect(opened.missing).toEqual(generated.missing);
        expect(opened.importProblems).toEqual(generated.importProblems);
      }),
    );
  });

  it('refuses an answer that was cut anywhere, rather than merge a part of it', () => {
    const init = { environments: [{ id: 'env-1', data: { TOKEN: { value: 'text', isSecret: true } } }] };
    const bytes = toBinary(OpenedEnvironmentsSchema, create(OpenedEnvironmentsSchema, init));
    for (let length = 1; length < bytes.byteLength; length++) {
      expect(() => readOpened(bytes.subarray(0, length))).toThrow();
    }
  });
});

describe('redacted environments that were read before', () => {
  it('are the same layer while their bytes are the same, and another as soon as one of them is not', () => {
    fc.assert(
      fc.property(environment, environment, (one, other) => {
        const cache = new LayerCache();
        const first = cache.read(encode(one));
        expect(first).toEqual(readLayer(encode(one)));
        expect(cache.read(encode(one))).toBe(first);
        expect(cache.read(encode(other))).toEqual(readLayer(encode(other)));
        expect(cache.read(encode(one))).toEqual(first);
      }),
    );
  });

  it('do not follow the bytes they were read from', () => {
    const cache = new LayerCache();
    const bytes = encode(create(OpenedEnvironmentSchema, { id: 'env-1', data: { A: { value: 'one' } } }));
    cache.read(bytes);
    bytes.set(encode(create(OpenedEnvironmentSchema, { id: 'env-1', data: { A: { value: 'two' } } })));
    expect(cache.read(bytes).entries.get('A')?.text).toBe('two');
  });

  it('are forgotten, the longest unused first, so that memory stays bounded', () => {
    const cache = new LayerCache();
    const large = (id: string) =>
      encode(create(OpenedEnvironmentSchema, { id, data: { A: { value: 'x'.repeat(200_000) } } }));
    const first = cache.read(large('env-first'));
    const second = cache.read(large('env-second'));
    for (let i = 0; i < 9; i++) {
      cache.read(large(`env-${i}`));
      cache.read(large('env-first'));
    }
    expect(cache.read(large('env-first'))).toBe(first);
    expect(cache.read(large('env-second'))).not.toBe(second);
  });
});
