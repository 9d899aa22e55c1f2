import { quoteName } from './names';

/** Where a value comes from. */
export type LayerSource = TemplateSource | EnvironmentSource | RuntimeSource;

export interface TemplateSource {
  readonly kind: 'template';
  readonly name: string;
}

export interface EnvironmentSource {
  readonly kind: 'environment';
  readonly id: string;
  readonly slug: string;
  readonly revision: string;
  /** The slugs of those whose imports lead to it, from the environment that the run refers to; none for that one itself. */
  readonly via?: readonly string[];
}

export interface RuntimeSource {
  readonly kind: 'runtime';
}

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
  /** No later layer may give the variable another value. */
  readonly final?: boolean;
  /** When the value expires, in milliseconds since 1970. */
  readonly expiresAt?: number;
}

/** A template's empty value says that a variable exists; anywhere else an empty value is a value. */
export function isDeclaration(source: LayerSource, text: string): boolean {
  return text === '' && source.kind === 'template';
}

/** The layer for people: `environment base (via production)`. */
export function nameOfLayer(source: LayerSource): string {
  switch (source.kind) {
    case 'template':
      return `template ${quoteName(source.name)}`;
    case 'environment':
      return `environment ${source.slug}${viaOf(source)}`;
    case 'runtime':
      return "the run's own values";
  }
}

function viaOf({ via = [] }: EnvironmentSource): string {
  return via.length === 0 ? '' : ` (via ${via.join(' → ')})`;
}
