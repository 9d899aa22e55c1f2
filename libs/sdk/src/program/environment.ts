import { create } from '@bufbuild/protobuf';
import { EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import {
  type BuildContext,
  type Context,
  envelope,
  environmentOf,
  type EnvironmentReference,
  environmentRefs,
  type Resource,
  type ResourceArgs,
} from './resource';
import { refuseCredentials, type Variables, variablesSpec } from './variables';

export interface EnvironmentArgs extends ResourceArgs {
  readonly data: Variables;
  /** Environments that this one builds on: a later one wins over an earlier one, and `data` over all of them. */
  readonly imports?: readonly EnvironmentReference[];
}

/** A named set of variables that instances refer to. */
export class Environment implements Resource<'Environment'> {
  readonly kind = 'Environment';
  readonly imports: readonly string[];
  readonly #args: EnvironmentArgs;

  constructor(
    ctx: Context,
    readonly name: string,
    args: EnvironmentArgs,
  ) {
    refuseCredentials(args.data);
    this.#args = args;
    this.imports = (args.imports ?? []).map(environmentOf);
    ctx.declare(this);
  }

  async build(context: BuildContext) {
    const { data, description = '', imports = [] } = this.#args;
    const spec = {
      description,
      data: await variablesSpec(data, context),
      imports: environmentRefs(imports, context),
    };
    return create(EnvironmentSchema, { ...envelope(this, this.#args, context), spec });
  }
}
