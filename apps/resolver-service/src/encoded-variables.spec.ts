import { create, fromBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type LayerSource, type MergedValue, REDACTED } from '@stigmer/domain';
import {
  ExplanationSchema,
  Layer,
  type Origin,
  OriginSchema,
  type ResolvedVariable,
} from '@stigmer/proto/agentic/resolver/v1/io';
import { CreateContextInputSchema } from '@stigmer/proto/internal/v1/context_vault';
import fc from 'fast-check';
import { encodeValues, encodeVariables } from './encoded-variables';

const BASE: LayerSource = {
  kind: 'environment',
  id: 'env-1',
  slug: 'base',
  revision: 'v1',
  via: ['prod', 'eu'],
};
const ORIGINS = new Map<LayerSource, Origin>([
  [{ kind: 'template', name: 't' }, create(OriginSchema, { layer: Layer.TEMPLATE })],
  [{ kind: 'runtime' }, create(OriginSchema, { layer: Layer.RUNTIME })],
  [
    BASE,
    create(OriginSchema, {
      ...{ layer: Layer.ENVIRONMENT, environmentId: 'env-1', environmentSlug: 'base', revision: 'v1' },
      via: ['prod', 'eu'],
    }),
  ],
]);
const text = fc.string({ unit: 'grapheme', maxLength: 200 });
const source = fc.constantFrom(...ORIGINS.keys());
const merged = fc.record(
  {
    ...{ text, secret: fc.boolean(), description: text, final: fc.boolean() },
    ...{ origin: source, shadowed: fc.array(source, { maxLength: 3 }) },
    expiresAt: fc.integer({ min: -(10 ** 12), max: 10 ** 13 }),
  },
  { requiredKeys: ['text', 'secret', 'origin', 'shadowed'] },
);
const values = fc
  .dictionary(
    text.filter((name) => name !== '__proto__'),
    merged,
  )
  .map((record): ReadonlyMap<string, MergedValue> => new Map(Object.entries(record)));

it('the variables of an answer are what the generated messages read, whatever was merged', () => {
  fc.assert(
    fc.property(values, (all) => {
      const rest = { environments: [{ id: 'env-1' }] };
      const { bytes } = encodeVariables(ExplanationSchema, rest, ExplanationSchema.field.variables, all);
      const expected = [...all].map(([name, { text: plain, secret, origin, shadowed, ...rest }]) => [
        name,
        {
          value: secret ? REDACTED : plain,
          isSecret: secret,
          description: rest.description ?? '',
          final: rest.final ?? false,
          origin: ORIGINS.get(origin),
          shadowed: shadowed.map((one) => ORIGINS.get(one)),
          ...(rest.expiresAt === undefined ? {} : { expiresAt: timestampFromMs(rest.expiresAt) }),
        },
      ]);
      const variables = Object.fromEntries(expected) as Record<string, ResolvedVariable>;
      expect(fromBinary(ExplanationSchema, bytes)).toEqual(
        create(ExplanationSchema, { variables, environments: [{ id: 'env-1' }] }),
      );
    }),
  );
});

it('the values of a context are what the generated messages read, secrets as they are', () => {
  fc.assert(
    fc.property(values, (all) => {
      const { data } = CreateContextInputSchema.field;
      const { bytes } = encodeValues(CreateContextInputSchema, { executionId: 'aex-1' }, data, all);
      const expected = [...all].map(([name, one]) => [name, { value: one.text, isSecret: one.secret }]);
      expect(fromBinary(CreateContextInputSchema, bytes)).toEqual(
        create(CreateContextInputSchema, {
          executionId: 'aex-1',
          data: Object.fromEntries(expected) as Record<string, { value: string; isSecret: boolean }>,
        }),
      );
    }),
  );
});
