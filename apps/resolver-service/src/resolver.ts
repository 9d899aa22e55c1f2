import { type Diagnostic, invalidArgument, isRedacted, merge, type Merged, REDACTED } from '@stigmer/domain';
import type { ExecutionValue } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import type { ResolveInput, Template } from '@stigmer/proto/agentic/resolver/v1/io';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import type { PrepareRunInput } from '@stigmer/proto/internal/v1/run_resolver';
import { Injectable } from '@nestjs/common';
import { Clients } from './clients';
import { checkContextSize } from './context-size';
import { diagnose } from './diagnose';
import { LayerCache } from './layer-cache';
import { layersOf } from './layers';
import { type Opened, type OpenedLayer, readOpened } from './opened';

/** What became of a run's layers. */
export interface Resolution {
  readonly merged: Merged;
  readonly diagnostics: readonly Diagnostic[];
  readonly environments: readonly OpenedLayer[];
}

/** Merges the layers of a run. The one implementation: what `explain` shows is what a run gets. */
@Injectable()
export class Resolver {
  private readonly redacted = new LayerCache();

  constructor(private readonly clients: Clients) {}

  /** For people: nothing is decrypted, and no secret's value comes in or goes out. */
  async explain(input: ResolveInput, signal: AbortSignal): Promise<Resolution> {
    refuseSecretValues(input.runtimeEnv);
    return this.resolve(input, true, signal);
  }

  /** For a run: the environments are opened. */
  async open(input: PrepareRunInput, signal: AbortSignal): Promise<Resolution> {
    return this.resolve(input, false, signal);
  }

  private async resolve(
    input: ResolveInput | PrepareRunInput,
    redacted: boolean,
    signal: AbortSignal,
  ): Promise<Resolution> {
    const { org, environmentRefs, runtimeEnv } = input;
    const template = requireTemplate(input.template);
    const { layers, missing, importProblems } =
      environmentRefs.length === 0 ? NOTHING : await this.opened(org, environmentRefs, redacted, signal);
    const merged = merge(layersOf(template, layers, runtimeEnv), Date.now());
    checkContextSize(merged, layers);
    return {
      merged,
      diagnostics: diagnose(template, merged, missing, importProblems),
      environments: layers,
    };
  }

  /** All in one call: the environments of one answer were read together, and ten cost no more than one. */
  private async opened(
    org: string,
    references: ApiResourceReference[],
    redacted: boolean,
    signal: AbortSignal,
  ): Promise<Opened> {
    const { bytes } = await this.clients.environments.open({ org, references, redacted }, { signal });
    return readOpened(bytes, redacted ? this.redacted.read : undefined);
  }
}

const NOTHING: Opened = { layers: [], missing: [], importProblems: [] };

/** The contract requires it; the types do not know. */
function requireTemplate(template: Template | undefined): Template {
  if (template === undefined) throw invalidArgument('template: is required');
  return template;
}

function refuseSecretValues(runtimeEnv: Readonly<Record<string, ExecutionValue>>): void {
  const violations = Object.entries(runtimeEnv)
    .filter(([, { value, isSecret }]) => isSecret && value !== '' && !isRedacted(value))
    .map(([name]) => ({
      field: `runtime_env[${JSON.stringify(name)}]`,
      description: `a secret is explained without its value: leave it empty or send ${REDACTED}`,
    }));
  if (violations.length === 0) return;
  throw invalidArgument(
    violations.map(({ field, description }) => `${field}: ${description}`).join('; '),
    violations,
  );
}
