import {
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescService,
  getOption,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf';
import {
  field as fieldRules,
  FieldRulesSchema,
  message as messageRules,
  MessageRulesSchema,
} from '../gen/buf/validate/validate_pb';

/** What clients depend on, and nothing else: names, numbers, types, rpcs and rules, without comments or wording. */
export interface FileFacts {
  readonly package: string;
  readonly messages?: Readonly<Record<string, MessageFacts>>;
  readonly enums?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly services?: Readonly<Record<string, Readonly<Record<string, RpcFacts>>>>;
  readonly extensions?: Readonly<
    Record<string, { readonly extends: string; readonly number: number; readonly type: string }>
  >;
}

interface MessageFacts {
  readonly fields: Readonly<Record<string, FieldFacts>>;
  readonly rules?: unknown;
}

interface FieldFacts {
  readonly number: number;
  readonly type: string;
  readonly oneof?: string;
  readonly rules?: unknown;
}

interface RpcFacts {
  readonly input: string;
  readonly output: string;
}

/** The facts of a compiled file, in the form of `testdata/wire-contract.json`. */
export function factsOf(file: DescFile): FileFacts {
  return {
    package: file.proto.package,
    ...section('messages', file.messages, messageFacts),
    ...section('enums', file.enums, enumFacts),
    ...section('services', file.services, serviceFacts),
    ...section('extensions', file.extensions, extensionFacts),
  };
}

function section<D extends { readonly name: string }, F>(
  name: string,
  all: readonly D[],
  facts: (one: D) => F,
) {
  return all.length === 0 ? {} : { [name]: Object.fromEntries(all.map((one) => [one.name, facts(one)])) };
}

function messageFacts(message: DescMessage): MessageFacts {
  const rules = toJson(MessageRulesSchema, getOption(message, messageRules), { useProtoFieldName: true });
  return {
    fields: Object.fromEntries(message.fields.map((one) => [one.name, fieldFacts(one)])),
    ...unlessEmpty(withoutWording(rules)),
  };
}

function fieldFacts(one: DescField): FieldFacts {
  const rules = toJson(FieldRulesSchema, getOption(one, fieldRules), { useProtoFieldName: true });
  return {
    number: one.number,
    type: typeOf(one),
    ...(one.oneof && { oneof: one.oneof.name }),
    ...unlessEmpty(withoutWording(rules)),
  };
}

function typeOf(one: DescField | DescExtension): string {
  switch (one.fieldKind) {
    case 'scalar':
      return ScalarType[one.scalar].toLowerCase();
    case 'message':
      return one.message.typeName;
    case 'enum':
      return `enum ${one.enum.typeName}`;
    case 'list':
      return `repeated ${elementType(one)}`;
    case 'map':
      return `map<${ScalarType[one.mapKey].toLowerCase()},${elementType(one)}>`;
  }
}

function elementType({
  message,
  enum: enumeration,
  scalar,
}: {
  message?: DescMessage;
  enum?: DescEnum;
  scalar?: ScalarType;
}): string {
  if (message) return message.typeName;
  if (enumeration) return `enum ${enumeration.typeName}`;
  return scalar === undefined ? '' : ScalarType[scalar].toLowerCase();
}

function enumFacts(enumeration: DescEnum) {
  return Object.fromEntries(enumeration.values.map(({ name, number }) => [name, number]));
}

function serviceFacts(service: DescService): Readonly<Record<string, RpcFacts>> {
  const streams = {
    unary: '',
    server_streaming: 'stream ',
    client_streaming: 'from stream ',
    bidi_streaming: 'both ways ',
  };
  return Object.fromEntries(
    service.methods.map(({ name, input, output, methodKind }) => [
      name,
      { input: input.typeName, output: streams[methodKind] + output.typeName },
    ]),
  );
}

function extensionFacts(extension: DescExtension) {
  return { extends: extension.extendee.typeName, number: extension.number, type: typeOf(extension) };
}

/** A CEL rule is its expression; its id and message may be worded better at any time. */
function withoutWording(rules: unknown): unknown {
  return JSON.parse(JSON.stringify(rules), (key, value: unknown) =>
    key === 'cel' && Array.isArray(value)
      ? value.map(({ expression }: { expression: string }) => expression)
      : value,
  );
}

function unlessEmpty(rules: unknown) {
  return JSON.stringify(rules) === '{}' ? {} : { rules };
}
