import type { Stigmer } from '@stigmer/sdk';
import { reference } from '../resources/reference';

/** The id and the slug of an environment that people name as they like. */
export async function idOf(
  server: Stigmer,
  name: string,
): Promise<{ readonly id: string; readonly slug: string }> {
  const { metadata } = await server.environments.getByReference(reference(server.org, 'Environment', name));
  return { id: metadata?.id ?? name, slug: metadata?.slug ?? name };
}
