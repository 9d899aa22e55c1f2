import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { createMasker } from '@stigmer/domain';
import { dynamicTool, generateText, jsonSchema } from 'ai';
import { maskedModel } from './masked-model';

const CANARY = 'canary-5c-model';

describe('a model behind the masker', () => {
  const said: string[] = [];
  const answer = {
    choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  };
  const provider = createOpenAICompatible({
    name: 'model',
    baseURL: 'http://model.test/v1',
    fetch: (_url, init) => {
      said.push(typeof init?.body === 'string' ? init.body : '');
      return Promise.resolve(Response.json(answer));
    },
  });
  const model = maskedModel(provider.chatModel('m'), createMasker([CANARY, 'string', 'hunter2']));

  const ask = (name: string) =>
    generateText({
      model,
      prompt: `I am ${CANARY}`,
      maxRetries: 0,
      tools: {
        [name]: dynamicTool({
          description: `asks as ${CANARY}`,
          inputSchema: jsonSchema({
            type: 'object',
            properties: {
              key: { type: 'string', description: `say ${CANARY}`, default: 'hunter2' },
              [`with-${CANARY}`]: { enum: [CANARY] },
            },
          }),
          execute: () => Promise.resolve('ok'),
        }),
      },
    });

  it('is told no secret, not in a tool’s description and schema either, whose types stay', async () => {
    await ask('look');
    expect(said.at(-1)).toContain('I am ********');
    expect(said.at(-1)).toContain('asks as ********');
    expect(said.at(-1)).not.toContain(CANARY);
    expect(JSON.parse(said.at(-1) ?? '')).toMatchObject({
      tools: [
        {
          function: {
            parameters: {
              type: 'object',
              properties: {
                key: { type: 'string', description: 'say ********', default: '********' },
                'with-********': { enum: ['********'] },
              },
            },
          },
        },
      ],
    });
  });

  it('is not asked at all where a tool’s name holds one', async () => {
    said.length = 0;
    const failure = await ask(`look-${CANARY}`).catch((error: unknown) => error as Error);
    expect(failure).toMatchObject({ name: 'TaskFailure', type: 'SecretRefused' });
    expect((failure as Error).message).not.toContain(CANARY);
    expect(said).toEqual([]);
  });
});
