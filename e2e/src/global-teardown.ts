import { theStack } from './stack';

// eslint-disable-next-line no-restricted-exports -- Jest's interface
export default async function teardown(): Promise<void> {
  await theStack().stop();
}
