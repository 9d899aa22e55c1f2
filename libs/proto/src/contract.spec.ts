import {
  clone,
  create,
  createFileRegistry,
  type DescFile,
  getOption,
  setExtension,
} from '@bufbuild/protobuf';
import {
  type FieldDescriptorProto,
  FieldDescriptorProto_Type,
  FieldOptionsSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import {
  ApiResourceKindSchema,
  kind_meta,
} from './gen/ai/stigmer/commons/apiresource/apiresourcekind/api_resource_kind_pb';
import { field as fieldRules, FieldRulesSchema } from './gen/buf/validate/validate_pb';
import { compiledFiles, readWireContract } from './testing/contract-files';
import { factsOf, type FileFacts } from './testing/describe-contract';

const contract = readWireContract();
const files = compiledFiles();

function factsByFile(all: readonly DescFile[]): Record<string, FileFacts> {
  return Object.fromEntries(all.map((file) => [`${file.name}.proto`, factsOf(file)]));
}

test('our descriptors are the contract: every package, name, number, type, rpc and rule', async () => {
  expect(factsByFile(await files)).toEqual(contract.files);
});

test('each kind carries the id prefix that the contract gives it', () => {
  const prefixes = ApiResourceKindSchema.values
    .map((value) => [value.name, getOption(value, kind_meta).idPrefix] as const)
    .filter(([, prefix]) => prefix !== '');
  expect(Object.fromEntries(prefixes)).toEqual(contract.idPrefixes);
});

describe('drift is noticed', () => {
  const api = 'ai/stigmer/agentic/environment/v1/api.proto';
  const spec = 'ai/stigmer/agentic/environment/v1/spec.proto';
  const command = 'ai/stigmer/agentic/environment/v1/command.proto';
  const io = 'ai/stigmer/agentic/environment/v1/io.proto';
  const kinds = 'ai/stigmer/commons/apiresource/apiresourcekind/api_resource_kind.proto';

  const drifts: readonly (readonly [string, string, (file: FileDescriptorProto) => void])[] = [
    [
      'a field is missing',
      spec,
      (file) => {
        file.messageType[1]?.field.splice(1, 1);
      },
    ],
    [
      'a field has another number',
      spec,
      (file) => {
        edit(fieldOf(file, 1, 'is_secret'), { number: 7 });
      },
    ],
    [
      'a field has another name',
      spec,
      (file) => {
        edit(fieldOf(file, 1, 'is_secret'), { name: 'secret' });
      },
    ],
    [
      'a field has another type',
      spec,
      (file) => {
        edit(fieldOf(file, 1, 'value'), { type: FieldDescriptorProto_Type.BYTES });
      },
    ],
    [
      'a rule is gone',
      api,
      (file) => {
        delete fieldOf(file, 0, 'metadata').options;
      },
    ],
    [
      'a rule says something else',
      api,
      (file) => {
        makeRequired(fieldOf(file, 0, 'spec'));
      },
    ],
    [
      'a message has another name',
      io,
      (file) => {
        edit(file.messageType[0], { name: 'EnvironmentName' });
      },
    ],
    [
      'an rpc has another name',
      command,
      (file) => {
        edit(file.service[0]?.method[0], { name: 'Apply' });
      },
    ],
    [
      'an rpc streams',
      command,
      (file) => {
        edit(file.service[0]?.method[0], { serverStreaming: true });
      },
    ],
    [
      'an rpc takes something else',
      command,
      (file) => {
        edit(file.service[0]?.method[3], { inputType: '.ai.stigmer.agentic.environment.v1.Environment' });
      },
    ],
    [
      'an enum value has another number',
      kinds,
      (file) => {
        edit(file.enumType[3]?.value.at(-1), { number: 55 });
      },
    ],
    [
      'an extension has another number',
      kinds,
      (file) => {
        edit(file.extension[0], { number: 90102 });
      },
    ],
  ];

  test.each(drifts)('%s', async (_drift, name, change) => {
    expect(factsByFile(await filesWith(name, () => undefined))).toEqual(contract.files);
    expect(factsByFile(await filesWith(name, change))).not.toEqual(contract.files);
  });

  test('a file is missing, or one is too many', async () => {
    const [, ...rest] = await files;
    expect(factsByFile(rest)).not.toEqual(contract.files);
    const extra = { ...factsByFile(await files), 'ai/stigmer/new.proto': { package: 'ai.stigmer' } };
    expect(extra).not.toEqual(contract.files);
  });
});

/** The compiled files, compiled once more with a change in one of them. */
async function filesWith(
  name: string,
  change: (file: FileDescriptorProto) => void,
): Promise<readonly DescFile[]> {
  const all = await files;
  const protos = [...withImports(all)].map(({ proto }) => clone(FileDescriptorProtoSchema, proto));
  const target = protos.find((proto) => proto.name === name);
  if (!target) throw new Error(`there is no ${name}`);
  change(target);
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: protos }));
  const names = new Set(all.map((file) => file.name));
  return [...registry.files].filter((file) => names.has(file.name));
}

/** A file comes after what it imports, as the registry wants it. */
function withImports(all: readonly DescFile[], found = new Set<DescFile>()): ReadonlySet<DescFile> {
  for (const file of all) {
    withImports(file.dependencies, found);
    found.add(file);
  }
  return found;
}

function fieldOf(file: FileDescriptorProto, message: number, name: string): FieldDescriptorProto {
  const found = file.messageType[message]?.field.find((one) => one.name === name);
  if (!found) throw new Error(`there is no field ${name}`);
  return found;
}

function edit<T extends object>(target: T | undefined, change: Partial<T>): void {
  if (!target) throw new Error('there is nothing to change');
  Object.assign(target, change);
}

function makeRequired(target: FieldDescriptorProto): void {
  target.options = create(FieldOptionsSchema);
  setExtension(target.options, fieldRules, create(FieldRulesSchema, { required: true }));
}
