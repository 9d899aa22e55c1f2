import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { ResolvedText } from '@stigmer/domain';
import { TaskFailure } from '../failure';

/** Which model the runner talks to where a run says nothing else. */
export interface ModelSettings {
  /** The base URL of an OpenAI-compatible endpoint, with `/v1`. */
  readonly url?: string;
  readonly name: string;
  /** Read from a file at start: a key in the runner's environment could be read by every child of its user. */
  readonly apiKey?: string;
}

/** A run's own key, in this order. */
const KEY_VARIABLES = ['STIGMER_MODEL_API_KEY', 'OPENAI_API_KEY'];
const URL_VARIABLE = 'OPENAI_BASE_URL';

/** A model that is told everything as it is: `maskedModel` belongs before it. */
export type UnmaskedModel = ReturnType<ReturnType<typeof createOpenAICompatible>['chatModel']>;

/** The model of one run, and the key it is asked with, which must be masked like every secret. */
export interface ChosenModel {
  readonly model: UnmaskedModel;
  readonly apiKey?: string;
}

/** The run's own choice goes before the runner's. The runner's key goes to the runner's endpoint alone. */
export function chooseModel(
  settings: ModelSettings,
  variables: ReadonlyMap<string, ResolvedText>,
  modelName: string,
): ChosenModel {
  const ownUrl = variables.get(URL_VARIABLE)?.text;
  const baseURL = ownUrl ?? settings.url;
  if (baseURL === undefined) {
    throw new TaskFailure(
      'ModelFailed',
      `no model is configured: set STIGMER_MODEL_URL for the runner, or ${URL_VARIABLE} for the run`,
    );
  }
  const ownKey = KEY_VARIABLES.map((name) => variables.get(name)?.text).find(
    (text) => text !== undefined && text !== '',
  );
  const apiKey = ownKey ?? (ownUrl === undefined ? settings.apiKey : undefined);
  // Not followed: the key and the conversation would go to wherever the answer points.
  const send: typeof fetch = (input, init) => fetch(input, { ...init, redirect: 'error' });
  const provider = createOpenAICompatible({
    name: 'model',
    baseURL,
    fetch: send,
    ...(apiKey === undefined ? {} : { apiKey }),
  });
  return {
    model: provider.chatModel(modelName === '' ? settings.name : modelName),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}
