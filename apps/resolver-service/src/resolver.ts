import { type Diagnostic, invalidArgument, isRedacted, merge, type Merged, REDACTED } from '@stigmer/domain';
import type { ExecutionValue } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import type { ResolveInput, Template } from '@stigmer/proto/agentic/resolver/v1/io';
import type { PrepareRunInput } from '@stigmer/proto/internal/v1/run_resolver';
import { Injectable } from '@nestjs/common';
import { Clients } from './clients';
import { checkContextSize } from './context-size';
import { diagnose } from './diagnose';
import { layersOf } from './layers';
import type { Opened, OpenedLayer } from './opened';
import { Openings } from './openings';

/** What became of a run's layers. */
export interface Resolution {
  readonly merged: Merged;
  readonly diagnostics: readonly Diagnostic[];
  readonly environments: readonly OpenedLayer[];
}

/** Merges the layers of a run. The one implementation: what `explain` shows is what a run gets. */
@Injectable()
export class Resolver {
  private readonly openings: Openings;

  constructor(clients: Clients) {
    this.openings = new Openings(clients);
  }

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
      environmentRefs.length === 0
        ? NOTHING
        : await this.openings.open({ org, references: environmentRefs, redacted }, signal);
    const merged = merge(layersOf(template, layers, runtimeEnv), Date.now());
    checkContextSize(merged, layers);
    return {
      merged,
      diagnostics: diagnose(template, merged, missing, importProblems),
      environments: layers,
    };
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
