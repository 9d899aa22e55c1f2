import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { create, type DescMessage, type DescService, type Message, ScalarType } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { DomainError } from '@stigmer/domain';
import { EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import { assertValid } from './validation';

const CANARY = 'canary with spaces \u0000 and more';

function refusal(schema: DescMessage, message: Message): DomainError | undefined {
  try {
    assertValid(schema, message);
    return undefined;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

describe('a request that breaks the contract', () => {
  it('is refused with every broken field, by its path', () => {
    const error = refusal(
      EnvironmentSchema,
      create(EnvironmentSchema, { apiVersion: 'wrong', kind: 'Wrong' }),
    );
    expect(error).toMatchObject({ kind: 'invalid-argument' });
    expect(error?.violations.map(({ field }) => field)).toEqual(['api_version', 'kind', 'metadata']);
  });

  it('is refused in words of the contract: no text of the request, whatever the message', async () => {
    const refused = (await inputs()).flatMap((schema) => refusal(schema, filled(schema)) ?? []);
    expect(refused.length).toBeGreaterThan(10);
    for (const { message, violations } of refused) {
      expect(`${message} ${JSON.stringify(violations)}`).not.toContain('canary');
    }
  });
});

/** The inputs of all rpcs of the contract, read from the generated code. */
async function inputs(): Promise<readonly DescMessage[]> {
  const gen = join(__dirname, '../../proto/src/gen/ai');
  const files = readdirSync(gen, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('_pb.ts'),
  );
  const modules = await Promise.all(
    files.map(
      (file) => import(`./${relative(__dirname, join(gen, file))}`) as Promise<Record<string, unknown>>,
    ),
  );
  const services = modules.flatMap((module) => Object.values(module)).filter(isService);
  return [...new Set(services.flatMap(({ methods }) => methods.map(({ input }) => input)))];
}

function isService(value: unknown): value is DescService {
  return (value as { readonly kind?: unknown } | undefined)?.kind === 'service';
}

/** A message whose every text is the canary, to some depth. Map keys stay harmless: they are names, and paths name them. */
function filled(schema: DescMessage, depth = 6): Message {
  const message = reflect(schema);
  if (depth > 0) for (const field of schema.fields) fill(message, field, depth);
  return message.message;
}

function fill(target: ReflectMessage, field: DescMessage['fields'][number], depth: number): void {
  switch (field.fieldKind) {
    case 'scalar':
      if (field.scalar === ScalarType.STRING) target.set(field, CANARY);
      return;
    case 'message':
      target.set(field, reflect(field.message, filled(field.message, depth - 1)));
      return;
    case 'list': {
      const list = target.get(field);
      if (field.listKind === 'message') list.add(reflect(field.message, filled(field.message, depth - 1)));
      if (field.listKind === 'scalar' && field.scalar === ScalarType.STRING) list.add(CANARY);
      return;
    }
    case 'map': {
      const map = target.get(field);
      if (field.mapKey !== ScalarType.STRING) return;
      if (field.mapKind === 'message')
        map.set('key', reflect(field.message, filled(field.message, depth - 1)));
      if (field.mapKind === 'scalar' && field.scalar === ScalarType.STRING) map.set('key', CANARY);
      return;
    }
    case 'enum':
      return;
  }
}
