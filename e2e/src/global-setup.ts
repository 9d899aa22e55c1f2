import { startStack } from './stack';

// Jest calls the default export of a setup file and nothing else.
// eslint-disable-next-line no-restricted-exports -- Jest's interface
export default async function setup(): Promise<void> {
  const stack = await startStack();
  process.env['STIGMER_E2E_HOME'] = stack.home;
}
