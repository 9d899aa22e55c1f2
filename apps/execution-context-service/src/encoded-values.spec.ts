import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  ExecutionContextSpecSchema,
  ExecutionValueSchema,
} from '@stigmer/proto/agentic/executioncontext/v1/spec';
import { CreateContextInputSchema } from '@stigmer/proto/internal/v1/context_vault';
import fc from 'fast-check';
import { encodedValues } from './encoded-values';

describe('The values of an opened context', () => {
  it('are, as bytes, what they would be decoded and encoded again', () => {
    const value = fc.record({ value: fc.string({ unit: 'binary' }), isSecret: fc.boolean() });
    const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,200}$/).filter((text) => text !== '__proto__');
    fc.assert(
      fc.property(fc.dictionary(name, value), fc.uint8Array(), (values, requestDigest) => {
        const data = Object.fromEntries(
          Object.entries(values).map(([key, init]) => [key, create(ExecutionValueSchema, init)]),
        );
        const sealed = create(CreateContextInputSchema, { data, requestDigest });
        const bytes = encodedValues(Buffer.from(toBinary(CreateContextInputSchema, sealed)));
        expect(fromBinary(ExecutionContextSpecSchema, bytes).data).toEqual(
          fromBinary(CreateContextInputSchema, toBinary(CreateContextInputSchema, sealed)).data,
        );
      }),
    );
  });
});
