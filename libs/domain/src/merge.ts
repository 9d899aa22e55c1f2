import { type Diagnostic } from './diagnostic';
import { invalidArguments, type Violation } from './errors';
import { expiryDiagnostic } from './expiry';
import { isDeclaration, type Layer, type LayerEntry, type LayerSource, nameOfLayer } from './layers';
import { isVariableName, quoteName, VARIABLE_NAME_RULE } from './names';

export interface Merged {
  /** In the order of the names, whatever the order of the layers' maps. */
  readonly values: ReadonlyMap<string, MergedValue>;
  /** What the template declares and no layer gives. */
  readonly absent: ReadonlyMap<string, 'required' | 'optional'>;
  /**
   * An error for each required variable that is absent, for each layer that overrides a final variable, and for each
   * value that has expired; a warning for each that soon will.
   */
  readonly diagnostics: readonly Diagnostic[];
}

export interface MergedValue {
  readonly text: string;
  readonly secret: boolean;
  readonly description?: string;
  readonly origin: LayerSource;
  /** The layers whose value was replaced, the nearest first. A mere declaration is no value. */
  readonly shadowed: readonly LayerSource[];
  /** A layer has said that no later one may change it. */
  readonly final?: boolean;
  /** When the value expires, in milliseconds since 1970. */
  readonly expiresAt?: number;
}

const SECRET_IN_TEMPLATE = 'a template declares a secret and never carries its value: leave the value empty';
const NO_LAYERS: readonly LayerSource[] = [];
const NO_PROBLEMS: readonly Diagnostic[] = [];

/** What is known of one variable after some of the layers. */
interface Draft {
  /** The nearest value so far, and who gave it. */
  winner: LayerEntry | undefined;
  origin: LayerSource | undefined;
  /** Whose values it has replaced, the nearest last. Few have any. */
  replaced: LayerSource[] | undefined;
  secret: boolean;
  description: string | undefined;
  /** The declaration that makes it a required one. */
  required: LayerSource | undefined;
  /** The first layer that made it final. */
  final: LayerSource | undefined;
  /** Who gave it a value nevertheless. */
  overriding: LayerSource[] | undefined;
}

/**
 * Merges the layers of a run, lowest priority first: template, environments in the order of their references, each
 * after its imports, runtime. The rules are in docs/merge.md. Throws INVALID_ARGUMENT for an illegal name and for a
 * template that carries a secret's value; what else is wrong is a diagnostic, so that all is reported together.
 *
 * `now`, in milliseconds since 1970, decides what has expired.
 */
export function merge(layers: readonly Layer[], now: number): Merged {
  refuseIllegal(layers);
  const values = new Map<string, MergedValue>();
  const absent = new Map<string, 'required' | 'optional'>();
  const diagnostics: Diagnostic[] = [];
  const drafts = draftsOf(layers);
  for (const name of [...drafts.keys()].sort()) {
    const draft = drafts.get(name);
    if (draft === undefined) continue;
    const value = valueOf(draft);
    if (value === undefined) absent.set(name, draft.required === undefined ? 'optional' : 'required');
    else values.set(name, value);
    for (const problem of problemsOf(name, draft, value, now)) diagnostics.push(problem);
  }
  return { values, absent, diagnostics };
}

function draftsOf(layers: readonly Layer[]): ReadonlyMap<string, Draft> {
  const drafts = new Map<string, Draft>();
  for (const { source, entries } of layers) {
    for (const [name, entry] of entries) {
      const known = drafts.get(name);
      const draft = known ?? newDraft();
      if (known === undefined) drafts.set(name, draft);
      take(draft, source, entry);
    }
  }
  return drafts;
}

function newDraft(): Draft {
  return {
    winner: undefined,
    origin: undefined,
    replaced: undefined,
    secret: false,
    description: undefined,
    required: undefined,
    final: undefined,
    overriding: undefined,
  };
}

function take(draft: Draft, source: LayerSource, entry: LayerEntry): void {
  // Sticky: nothing becomes readable by being overridden, not even where only a declaration says secret.
  if (entry.secret) draft.secret = true;
  if (entry.description !== undefined && entry.description !== '') draft.description = entry.description;
  if (isDeclaration(source, entry.text)) {
    if (entry.optional !== true) draft.required = source;
    return;
  }
  if (draft.final !== undefined && !isSame(draft.final, source)) (draft.overriding ??= []).push(source);
  if (entry.final === true) draft.final ??= source;
  if (draft.origin !== undefined) (draft.replaced ??= []).push(draft.origin);
  draft.winner = entry;
  draft.origin = source;
}

/**
 * An environment that several others import is reached several times, and overrides nothing of its own. Of another
 * version it does: an older one must not take a final value back.
 */
function isSame(one: LayerSource, other: LayerSource): boolean {
  return (
    one.kind === 'environment' &&
    other.kind === 'environment' &&
    one.id === other.id &&
    one.revision === other.revision
  );
}

function valueOf({ winner, origin, replaced, secret, description, final }: Draft): MergedValue | undefined {
  if (winner === undefined || origin === undefined) return undefined;
  return {
    text: winner.text,
    secret,
    description,
    origin,
    shadowed: replaced?.reverse() ?? NO_LAYERS,
    final: final === undefined ? undefined : true,
    expiresAt: winner.expiresAt,
  };
}

function problemsOf(
  name: string,
  { required, secret, final, overriding }: Draft,
  value: MergedValue | undefined,
  now: number,
): readonly Diagnostic[] {
  if (value === undefined) return required === undefined ? NO_PROBLEMS : [missing(name, required, secret)];
  const { origin, expiresAt } = value;
  if (overriding === undefined && expiresAt === undefined) return NO_PROBLEMS;
  const overridden =
    final === undefined ? NO_PROBLEMS : (overriding ?? []).map((source) => overrides(name, final, source));
  const expiry = expiresAt === undefined ? undefined : expiryDiagnostic(name, origin, expiresAt, now);
  return expiry === undefined ? overridden : [...overridden, expiry];
}

function missing(name: string, source: LayerSource, secret: boolean): Diagnostic {
  const declaredBy = source.kind === 'template' ? quoteName(source.name) : source.kind;
  return {
    code: 'missing-variable',
    severity: 'error',
    variable: name,
    message: `${name} is declared by template ${declaredBy} and given by no environment and not at run time`,
    hint: `set it in an environment that the instance refers to, or for this run with ${secret ? `--secret ${name}` : `--env ${name}=…`}`,
  };
}

function overrides(name: string, final: LayerSource, source: LayerSource): Diagnostic {
  return {
    code: 'final-overridden',
    severity: 'error',
    variable: name,
    message: `${name} is final in ${nameOfLayer(final)}: ${nameOfLayer(source)} may not override it`,
    hint:
      source.kind === 'runtime'
        ? `start the run without ${name}`
        : `take ${name} out of ${nameOfLayer(source)}`,
  };
}

function refuseIllegal(layers: readonly Layer[]): void {
  const violations: Violation[] = [];
  for (const { source, entries } of layers) {
    for (const [name, { text, secret }] of entries) {
      if (!isVariableName(name)) {
        violations.push({ field: quoteName(name), description: VARIABLE_NAME_RULE });
      } else if (source.kind === 'template' && secret && text !== '') {
        violations.push({ field: name, description: SECRET_IN_TEMPLATE });
      }
    }
  }
  if (violations.length > 0) throw invalidArguments(violations);
}
