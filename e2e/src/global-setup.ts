import { startScriptedModel, type ScriptedModel } from '@stigmer/embedded';
import { startStack, type Stack } from './stack';

/** What all specs share. It lives in Jest's own process, from the setup to the teardown. */
export const shared: { model?: ScriptedModel; stack?: Stack } = {};

// Jest calls the default export of a setup file and nothing else.
// eslint-disable-next-line no-restricted-exports -- Jest's interface
export default async function setup(): Promise<void> {
  shared.model = await startScriptedModel();
  shared.stack = await startStack({ STIGMER_MODEL_URL: shared.model.url, STIGMER_MODEL_NAME: 'scripted' });
  process.env['STIGMER_E2E_HOME'] = shared.stack.home;
}
