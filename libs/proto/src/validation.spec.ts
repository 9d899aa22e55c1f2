import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { createValidator } from '@bufbuild/protovalidate';
import { AgentSchema } from './gen/ai/stigmer/agentic/agent/v1/api_pb';
import { AgentInstanceSpecSchema } from './gen/ai/stigmer/agentic/agentinstance/v1/spec_pb';
import { EnvironmentSchema } from './gen/ai/stigmer/agentic/environment/v1/api_pb';
import { EnvironmentRemoveVariablesInputSchema } from './gen/ai/stigmer/agentic/environment/v1/io_pb';
import { ExecutionValueSchema } from './gen/ai/stigmer/agentic/executioncontext/v1/spec_pb';
import { WorkflowDocumentSchema, WorkflowSpecSchema } from './gen/ai/stigmer/agentic/workflow/v1/spec_pb';
import { ApiResourceKind } from './gen/ai/stigmer/commons/apiresource/apiresourcekind/api_resource_kind_pb';
import { ApiResourceOwnerScope, WorkflowTaskKind } from './gen/ai/stigmer/commons/apiresource/enum_pb';
import { ApiResourceReferenceSchema } from './gen/ai/stigmer/commons/apiresource/io_pb';
import { file_buf_validate_validate } from './gen/buf/validate/validate_pb';

const validator = createValidator();

/** The paths of what is wrong, as the contract's rules see it. */
function faults<D extends DescMessage>(schema: D, init: MessageInitShape<D>): readonly string[] {
  const result = validator.validate(schema, create(schema, init));
  if (result.kind === 'error') throw result.error;
  return result.kind === 'valid'
    ? []
    : result.violations.map(({ field, ruleId }) => `${field.map(pathPart).join('.')}: ${ruleId}`);
}

function pathPart(part: { readonly kind: string; readonly name?: string; readonly index?: number }): string {
  return part.name ?? String(part.index);
}

const environment = {
  apiVersion: 'agentic.stigmer.ai/v1',
  kind: 'Environment',
  metadata: { ownerScope: ApiResourceOwnerScope.organization },
};

test('the vendored rules are those of the validator we run', () => {
  const theirs = jest.requireActual<{ file_buf_validate_validate: typeof file_buf_validate_validate }>(
    '../../../node_modules/@bufbuild/protovalidate/dist/cjs/gen/buf/validate/validate_pb.js',
  ).file_buf_validate_validate;
  const bytes = ({ proto }: typeof file_buf_validate_validate) => toBinary(FileDescriptorProtoSchema, proto);
  expect(Buffer.from(bytes(file_buf_validate_validate)).equals(bytes(theirs))).toBe(true);
});

test('an environment that keeps the rules is valid', () => {
  expect(faults(EnvironmentSchema, environment)).toEqual([]);
  expect(
    faults(EnvironmentSchema, {
      ...environment,
      metadata: { ownerScope: ApiResourceOwnerScope.identity_account },
    }),
  ).toEqual([]);
});

test('a resource says what it is', () => {
  expect(faults(EnvironmentSchema, { ...environment, apiVersion: 'v1', kind: 'Agent' })).toEqual([
    'api_version: string.const',
    'kind: string.const',
  ]);
});

test('a resource has metadata, with an owner its kind may have', () => {
  expect(faults(EnvironmentSchema, { ...environment, metadata: undefined })).toEqual(['metadata: required']);
  expect(
    faults(EnvironmentSchema, { ...environment, metadata: { ownerScope: ApiResourceOwnerScope.platform } }),
  ).toEqual(['metadata: environment.owner_scope']);
  const agent = {
    ...environment,
    kind: 'Agent',
    metadata: { ownerScope: ApiResourceOwnerScope.identity_account },
  };
  expect(faults(AgentSchema, agent)).toEqual(['metadata: agent.owner_scope']);
});

test.each([
  ApiResourceKind.environment,
  ApiResourceKind.workflow_execution,
  ApiResourceKind.api_resource_kind_unknown,
])('a reference to an environment may say kind %i', (kind) => {
  expect(faults(AgentInstanceSpecSchema, { agentId: 'a', environmentRefs: [{ kind, slug: 'x' }] })).toEqual(
    [],
  );
});

test('a reference to an environment may not say another kind', () => {
  expect(
    faults(AgentInstanceSpecSchema, {
      agentId: 'a',
      environmentRefs: [{ kind: ApiResourceKind.agent, slug: 'x' }],
    }),
  ).toEqual(['environment_refs.0: environment_refs.kind']);
});

test.each(['', 'latest', 'v1.2.3', 'a'.repeat(64)])('a version may be %j', (version) => {
  expect(faults(ApiResourceReferenceSchema, { version })).toEqual([]);
});

test('a version has no spaces', () => {
  expect(faults(ApiResourceReferenceSchema, { version: 'a b' })).toEqual(['version: string.pattern']);
});

test('a variable of a run may be empty', () => {
  expect(faults(ExecutionValueSchema, { value: '' })).toEqual([]);
});

test('a workflow has tasks or a definition', () => {
  const document = { dsl: '1.0.0', namespace: 'n', name: 'n', version: '1' };
  expect(faults(WorkflowSpecSchema, { document })).toEqual([': workflow_spec.tasks']);
  expect(faults(WorkflowSpecSchema, { document, definition: { do: [] } })).toEqual([]);
  expect(
    faults(WorkflowSpecSchema, {
      document,
      tasks: [{ name: 'a', kind: WorkflowTaskKind.SET, taskConfig: {} }],
    }),
  ).toEqual([]);
});

test.each([
  ['1.0.0', true],
  ['1.0.3', true],
  ['1.1.0', false],
  ['1.0.0-alpha', false],
])('a workflow in language version %s: %s', (dsl, valid) => {
  const found = faults(WorkflowDocumentSchema, { dsl, namespace: 'n', name: 'n', version: '1' });
  expect(found).toEqual(valid ? [] : ['dsl: string.pattern']);
});

test('removing variables names at least one', () => {
  expect(faults(EnvironmentRemoveVariablesInputSchema, { environmentId: 'x' })).toEqual([
    'keys: repeated.min_items',
  ]);
});
