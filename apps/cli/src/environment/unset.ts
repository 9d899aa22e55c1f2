import { isVariableName, notFound, VARIABLE_NAME_RULE } from '@stigmer/domain';
import type { EnvironmentSpec } from '@stigmer/proto/agentic/environment/v1/spec';
import { withServer } from '../client';
import type { Context } from '../context';
import { didYouMean } from '../manifest/suggest';
import { UsageError } from '../usage-error';
import { editEnvironment } from './edit';
import { printEdited } from './print-edited';

/** Removes variables of one environment and leaves the others alone. */
export async function unset(
  context: Context,
  name: string,
  keys: readonly string[],
  message: string,
): Promise<void> {
  for (const [index, key] of keys.entries()) {
    if (!isVariableName(key)) throw new UsageError(`argument number ${index + 1}: ${VARIABLE_NAME_RULE}`);
  }
  const edited = await withServer(context, (server) =>
    editEnvironment(server, name, (spec) => without(spec, keys), { create: false, message }),
  );
  await printEdited(context, edited);
}

function without(spec: EnvironmentSpec, keys: readonly string[]): EnvironmentSpec {
  const names = Object.keys(spec.data);
  const stranger = keys.find((key) => !names.includes(key));
  if (stranger !== undefined) throw notFound('Variable', `${stranger}${didYouMean(stranger, names)}`);
  const data = Object.fromEntries(Object.entries(spec.data).filter(([key]) => !keys.includes(key)));
  return { ...spec, data };
}
