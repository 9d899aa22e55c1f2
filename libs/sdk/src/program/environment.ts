import { create } from '@bufbuild/protobuf';
import { EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import { type BuildContext, type Context, envelope, type Resource, type ResourceArgs } from './resource';
import { refuseCredentials, type Variables, variablesSpec } from './variables';

export interface EnvironmentArgs extends ResourceArgs {
  readonly data: Variables;
}

/** A named set of variables that instances refer to. */
export class Environment implements Resource<'Environment'> {
  readonly kind = 'Environment';
  readonly #args: EnvironmentArgs;

  constructor(
    ctx: Context,
    readonly name: string,
    args: EnvironmentArgs,
  ) {
    refuseCredentials(args.data);
    this.#args = args;
    ctx.declare(this);
  }

  async build(context: BuildContext) {
    const spec = await variablesSpec(this.#args.data, this.#args.description ?? '', context);
    return create(EnvironmentSchema, { ...envelope(this, this.#args, context), spec });
  }
}
