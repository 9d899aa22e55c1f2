import { create, fromJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { DomainError } from '@stigmer/domain';
import { AgentExecutionSchema } from '@stigmer/proto/agentic/agentexecution/v1/api';
import { WorkflowExecutionSchema } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { refuseOwnSecrets } from './own-secrets';

const SECRET = 'canary-7f3a91c4+/=secret';
const WORKFLOW = { name: 'WorkflowExecution', schema: WorkflowExecutionSchema } as const;
const AGENT = { name: 'AgentExecution', schema: AgentExecutionSchema } as const;
const variables = { TOK: { value: SECRET, isSecret: true }, LEVEL: { value: 'debug' } };

function faultsOf(check: () => void): readonly string[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    expect(error.kind).toBe('invalid-argument');
    expect(error.message).not.toContain('canary');
    return error.violations.map(({ field, description }) => {
      expect(description).toMatch(/^contains the value of the secret \w+; name the variable instead$/);
      return field;
    });
  }
}

const workflowFaults = (metadata: object, spec: object, secret: (name: string) => boolean = () => false) =>
  faultsOf(() => {
    const request = create(WorkflowExecutionSchema, {
      metadata: { id: 'wex-1', ...metadata },
      spec: { workflowId: 'w', runtimeEnv: variables, ...spec },
    });
    refuseOwnSecrets(WORKFLOW, request, secret);
  });

const text = `use ${SECRET} now`;
const jsonOf = (json: object) => ({ input: fromJson(ValueSchema, json as never) });

describe('the value of a run’s own secret in another field', () => {
  it.each<[string, object, object]>([
    ['spec.trigger_message', {}, { triggerMessage: text }],
    ['spec.trigger_metadata["k"]', {}, { triggerMetadata: { k: text } }],
    ['spec.trigger_metadata', {}, { triggerMetadata: { [text]: 'v' } }],
    ['spec.input', {}, jsonOf({ a: [{ b: text }] })],
    ['spec.input', {}, jsonOf({ [text]: 1 })],
    ['spec.runtime_env["URL"]', {}, { runtimeEnv: { ...variables, URL: { value: text } } }],
    ['metadata.name', { name: text }, {}],
    ['metadata.labels["team"]', { labels: { team: text } }, {}],
    ['metadata.annotations["note"]', { annotations: { note: text } }, {}],
    ['metadata.tags', { tags: ['a', text] }, {}],
    ['spec.trigger_message', {}, { triggerMessage: Buffer.from(SECRET).toString('base64') }],
    ['spec.trigger_message', {}, { triggerMessage: encodeURIComponent(SECRET) }],
  ])('is refused in %s', (field, metadata, spec) => {
    expect(workflowFaults(metadata, spec)).toEqual([field]);
  });

  it('is refused in the message of an agent', () => {
    const request = create(AgentExecutionSchema, {
      metadata: { id: 'aex-1' },
      spec: { agentId: 'a', message: text, runtimeEnv: variables },
    });
    const faults = faultsOf(() => {
      refuseOwnSecrets(AGENT, request, () => false);
    });
    expect(faults).toEqual(['spec.message']);
  });

  it('is refused where only the merge says that it is a secret', () => {
    const spec = { runtimeEnv: { TOK: { value: SECRET } }, triggerMessage: text };
    expect(workflowFaults({}, spec, (name) => name === 'TOK')).toEqual(['spec.trigger_message']);
    expect(workflowFaults({}, spec)).toEqual([]);
  });

  it('is named by its own name among many, once for each field', () => {
    const many = Array.from({ length: 100 }, (_, i) => [
      `S${i}`,
      { value: `secret-number-${i}-x`, isSecret: true },
    ]);
    const request = create(WorkflowExecutionSchema, {
      metadata: { id: 'wex-1' },
      spec: {
        runtimeEnv: Object.fromEntries(many) as never,
        triggerMessage: 'secret-number-7-x and secret-number-93-x',
      },
    });
    expect(() => {
      refuseOwnSecrets(WORKFLOW, request, () => false);
    }).toThrow(/secret S7;.*secret S93;[^;]*$/);
  });

  it('is let through where it is weak, and where no other field has it', () => {
    const weak = { runtimeEnv: { TOK: { value: 'debug', isSecret: true } }, triggerMessage: 'debug it' };
    expect(workflowFaults({}, weak)).toEqual([]);
    expect(workflowFaults({ name: 'deploy' }, { triggerMessage: 'use TOK now' })).toEqual([]);
  });
});
