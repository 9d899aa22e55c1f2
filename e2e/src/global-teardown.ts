import { shared } from './global-setup';

// eslint-disable-next-line no-restricted-exports -- Jest's interface
export default async function teardown(): Promise<void> {
  await shared.stack?.stop();
  await shared.model?.close();
}
