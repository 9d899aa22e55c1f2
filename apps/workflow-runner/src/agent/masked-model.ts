import type { Masker } from '@stigmer/domain';
import { wrapLanguageModel, type LanguageModel, type LanguageModelMiddleware } from 'ai';
import type { UnmaskedModel } from './model';

type Params = Parameters<NonNullable<LanguageModelMiddleware['transformParams']>>[0]['params'];
type Message = Params['prompt'][number];

/**
 * A model that is told no secret. Its endpoint is an outside party, so everything that is said to it passes here:
 * instructions, the user's message, what tools answered, and what it said itself. Only contents are masked: a secret
 * that reads `user` must not change the protocol's own words.
 */
export function maskedModel(model: UnmaskedModel, masker: Masker): LanguageModel {
  return wrapLanguageModel({
    model,
    middleware: {
      specificationVersion: 'v4',
      transformParams: ({ params }) =>
        Promise.resolve({ ...params, prompt: params.prompt.map((message) => maskMessage(message, masker)) }),
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
