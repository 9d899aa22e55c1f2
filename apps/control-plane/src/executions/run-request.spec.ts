import { create } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { REDACTED } from '@stigmer/domain';
import { WorkflowExecutionSchema } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { ExecutionPhase } from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import * as fc from 'fast-check';
import { checkRuntimeEnv, digestOf, redacted, redactedNames } from './run-request';

const KIND = { name: 'WorkflowExecution', schema: WorkflowExecutionSchema } as const;
const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/);
const value = fc.record({ value: fc.string(), isSecret: fc.boolean() });
const entries = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 12 });
const run = (variables: readonly (readonly [string, { value: string; isSecret: boolean }])[], id = 'wex-1') =>
  create(WorkflowExecutionSchema, {
    metadata: { id },
    spec: { workflowId: 'w', runtimeEnv: Object.fromEntries(variables), callbackToken: Buffer.from('token') },
  });

it('refuses the marker of a hidden value, blanks around it or not', () => {
  for (const marker of [REDACTED, `${REDACTED} `, `\n ${REDACTED}`]) {
    const { spec } = run([['TOKEN', { value: marker, isSecret: false }]]);
    expect(() => {
      checkRuntimeEnv(spec?.runtimeEnv ?? {});
    }).toThrow(/TOKEN.*was not shown/);
  }
});

describe('the digest of a request', () => {
  it('does not depend on the order of its maps', () => {
    fc.assert(
      fc.property(entries, (variables) => {
        expect(digestOf(KIND, run(variables.toReversed()))).toEqual(digestOf(KIND, run(variables)));
      }),
    );
  });

  it('depends on every value, on its secrecy and on the id', () => {
    fc.assert(
      fc.property(entries, name, value, (variables, key, { value: text, isSecret }) => {
        const others = variables.filter(([known]) => known !== key);
        const digests = [
          run([...others, [key, { value: text, isSecret }]]),
          run([...others, [key, { value: `${text}.`, isSecret }]]),
          run([...others, [key, { value: text, isSecret: !isSecret }]]),
          run([...others, [key, { value: text, isSecret }]], 'wex-2'),
          run(others),
        ].map((request) => digestOf(KIND, request).toString('hex'));
        expect(new Set(digests).size).toBe(5);
      }),
    );
  });

  it('refuses what JSON cannot say, without quoting it', () => {
    const input = create(ValueSchema, { kind: { case: 'numberValue', value: Number.NaN } });
    const request = create(WorkflowExecutionSchema, { spec: { triggerMessage: 'canary', input } });
    expect(() => digestOf(KIND, request)).toThrow('spec: holds what JSON cannot say, such as NaN');
  });

  it('does not depend on what the server writes', () => {
    const request = run([]);
    const answered = create(WorkflowExecutionSchema, {
      metadata: { id: 'wex-1', version: { id: '7' } },
      ...(request.spec === undefined ? {} : { spec: request.spec }),
      status: { phase: ExecutionPhase.EXECUTION_COMPLETED },
    });
    expect(digestOf(KIND, answered)).toEqual(digestOf(KIND, request));
  });
});

describe('an execution as it is stored', () => {
  it('holds the value of no secret, whether the request or the merge says that it is one', () => {
    fc.assert(
      fc.property(entries, fc.array(name), (variables, mergedSecrets) => {
        const secrets = new Set(mergedSecrets);
        const request = run(variables);
        const shown = redacted(KIND, request, (key) => secrets.has(key));
        for (const [key, { value: text, isSecret }] of variables) {
          const hidden = isSecret || secrets.has(key);
          expect(shown.spec?.runtimeEnv[key]).toMatchObject(
            hidden ? { value: REDACTED, isSecret: true } : { value: text, isSecret: false },
          );
        }
        expect(shown.spec?.callbackToken).toHaveLength(0);
        expect(request).toEqual(run(variables));
      }),
    );
  });

  it('says which values were left out', () => {
    const shown = redacted(
      KIND,
      run([
        ['A', { value: 'a', isSecret: true }],
        ['B', { value: 'b', isSecret: false }],
      ]),
      () => false,
    );
    expect([...redactedNames(shown)]).toEqual(['A']);
  });
});
