import { type Diagnostic } from './diagnostic';
import { invalidArguments, type Violation } from './errors';
import { isVariableName, quoteName, VARIABLE_NAME_RULE } from './names';

/** Where a value comes from. */
export type LayerSource =
  | { readonly kind: 'template'; readonly name: string }
  | { readonly kind: 'environment'; readonly id: string; readonly slug: string; readonly revision: string }
  | { readonly kind: 'runtime' };

export interface Layer {
  readonly source: LayerSource;
  readonly entries: ReadonlyMap<string, LayerEntry>;
}

export interface LayerEntry {
  readonly text: string;
  readonly secret: boolean;
  /** Of a template's declaration: the run may go without it. */
  readonly optional?: boolean;
  readonly description?: string;
}

export interface Merged {
  /** In the order of the names, whatever the order of the layers' maps. */
  readonly values: ReadonlyMap<string, MergedValue>;
  /** What the template declares and no layer gives. */
  readonly absent: ReadonlyMap<string, 'required' | 'optional'>;
  /** One error for each required variable that is absent. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface MergedValue {
  readonly text: string;
  readonly secret: boolean;
  readonly description?: string;
  readonly origin: LayerSource;
  /** The layers whose value was replaced, the nearest first. A mere declaration is no value. */
  readonly shadowed: readonly LayerSource[];
}

const SECRET_IN_TEMPLATE = 'a template declares a secret and never carries its value: leave the value empty';

/** An entry together with its layer's source. */
interface Given extends LayerEntry {
  readonly source: LayerSource;
}

/**
 * Merges the layers of a run, lowest priority first: template, environments in the order of their references,
 * runtime. The rules are in docs/merge.md. Throws INVALID_ARGUMENT for an illegal name and for a template that
 * carries a secret's value; a missing variable is a diagnostic, so that all of them are reported together.
 */
export function merge(layers: readonly Layer[]): Merged {
  refuseIllegal(layers);
  const values = new Map<string, MergedValue>();
  const absent = new Map<string, 'required' | 'optional'>();
  const diagnostics: Diagnostic[] = [];
  for (const [name, given] of byName(layers)) {
    const value = mergeOne(given);
    if (value !== undefined) {
      values.set(name, value);
      continue;
    }
    const required = given.find(({ optional }) => optional !== true);
    absent.set(name, required === undefined ? 'optional' : 'required');
    if (required !== undefined) diagnostics.push(missing(name, required, given.some(isSecret)));
  }
  return { values, absent, diagnostics };
}

/** Every name with what each layer says of it, the highest layer first. */
function byName(layers: readonly Layer[]): readonly (readonly [string, readonly Given[]])[] {
  const given = new Map<string, Given[]>();
  for (const { source, entries } of layers.toReversed()) {
    for (const [name, entry] of entries) {
      const list = given.get(name) ?? [];
      list.push({ ...entry, source });
      given.set(name, list);
    }
  }
  return [...given].sort(([a], [b]) => (a < b ? -1 : 1));
}

function mergeOne(given: readonly Given[]): MergedValue | undefined {
  const [winner, ...others] = given.filter((entry) => !isDeclaration(entry));
  if (winner === undefined) return undefined;
  return {
    text: winner.text,
    // Sticky: nothing becomes readable by being overridden, not even where only a declaration says secret.
    secret: given.some(isSecret),
    description: given.find(({ description }) => description !== undefined && description !== '')
      ?.description,
    origin: winner.source,
    shadowed: others.map(({ source }) => source),
  };
}

/** A template's empty value says that a variable exists; anywhere else an empty value is a value. */
function isDeclaration({ source, text }: Given): boolean {
  return source.kind === 'template' && text === '';
}

function isSecret({ secret }: LayerEntry): boolean {
  return secret;
}

function missing(name: string, { source }: Given, secret: boolean): Diagnostic {
  const declaredBy = source.kind === 'template' ? quoteName(source.name) : source.kind;
  return {
    code: 'missing-variable',
    severity: 'error',
    variable: name,
    message: `${name} is declared by template ${declaredBy} and given by no environment and not at run time`,
    hint: `set it in an environment that the instance refers to, or for this run with ${secret ? `--secret ${name}` : `--env ${name}=…`}`,
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
