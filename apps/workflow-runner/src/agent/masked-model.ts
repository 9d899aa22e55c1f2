import type { Masker } from '@stigmer/domain';
import { wrapLanguageModel, type LanguageModel, type LanguageModelMiddleware } from 'ai';
import { TaskFailure } from '../failure';
import type { UnmaskedModel } from './model';

type Params = Parameters<NonNullable<LanguageModelMiddleware['transformParams']>>[0]['params'];
type Message = Params['prompt'][number];
type Tool = NonNullable<Params['tools']>[number];

const SCHEMA_TYPES: ReadonlySet<unknown> = new Set([
  'string',
  'number',
  'integer',
  'boolean',
  'object',
  'array',
  'null',
]);

/**
 * A model that is told no secret. Its endpoint is an outside party, so everything that is said to it passes here:
 * instructions, the user's message, what tools are and answered, and what it said itself. Only contents are masked: a secret
 * that reads `user` must not change the protocol's own words.
 */
export function maskedModel(model: UnmaskedModel, masker: Masker): LanguageModel {
  return wrapLanguageModel({
    model,
    middleware: {
      specificationVersion: 'v4',
      transformParams: ({ params }) =>
        new Promise((resolve) => {
          resolve({
            ...params,
            prompt: params.prompt.map((message) => maskMessage(message, masker)),
            ...(params.tools === undefined
              ? {}
              : { tools: params.tools.map((tool) => maskTool(tool, masker)) }),
          });
        }),
    },
  });
}

function maskMessage(message: Message, masker: Masker): Message {
  if (message.role === 'system') return { ...message, content: masker.text(message.content) };
  const content = message.content.map((part) => ({
    ...part,
    ...('text' in part ? { text: masker.text(part.text) } : {}),
    ...('input' in part ? { input: masker.json(part.input) } : {}),
    ...('output' in part && 'value' in part.output
      ? { output: { ...part.output, value: masker.json(part.output.value) } }
      : {}),
  }));
  return { ...message, content } as Message;
}

/** A tool is called by its name, so the name cannot be masked; one that holds a secret is not offered. */
function maskTool(tool: Tool, masker: Masker): Tool {
  if (masker.text(tool.name) !== tool.name) {
    throw new TaskFailure('SecretRefused', 'a tool of an MCP server has a secret of this run in its name');
  }
  if (tool.type !== 'function') return { ...tool, args: masker.json(tool.args) };
  const { description, inputExamples } = tool;
  return {
    ...tool,
    inputSchema: maskSchema(tool.inputSchema, masker) as typeof tool.inputSchema,
    ...(description === undefined ? {} : { description: masker.text(description) }),
    ...(inputExamples === undefined ? {} : { inputExamples: masker.json(inputExamples) }),
  };
}

/** As JSON; but the types of a JSON schema are its own words, and stay also where a weak secret reads like one. */
function maskSchema(schema: unknown, masker: Masker): unknown {
  if (Array.isArray(schema)) return schema.map((item: unknown) => maskSchema(item, masker));
  if (typeof schema !== 'object' || schema === null) return masker.json(schema);
  return Object.fromEntries(
    Object.entries(schema).map(([key, item]: [string, unknown]) => [
      Object.keys(masker.json({ [key]: null }))[0] ?? key,
      key === 'type' && SCHEMA_TYPES.has(item) ? item : maskSchema(item, masker),
    ]),
  );
}
