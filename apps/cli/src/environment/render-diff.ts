import { REDACTED } from '@stigmer/domain';
import {
  EnvironmentDifference,
  type EnvironmentDiff,
  type EnvironmentDiffSide,
  type EnvironmentVariableDifference,
} from '@stigmer/proto/agentic/environment/v1/io';
import type { EnvironmentValue } from '@stigmer/proto/agentic/environment/v1/spec';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { createColors } from 'picocolors';
import { table } from '../output/table';
import { shortened } from '../runs/shortened';
import { timeOf } from '../time';

export interface RenderOptions {
  readonly all: boolean;
  readonly colour: boolean;
}

const { SAME, CHANGED, ONLY_LEFT, ONLY_RIGHT, NOT_COMPARED, UNSPECIFIED } = EnvironmentDifference;

/** Variable by variable, what differs; what is the same is counted, or shown too. */
export function renderDiff(diff: EnvironmentDiff, { all, colour }: RenderOptions): string {
  const shown = diff.variables.filter(({ difference }) => all || difference !== SAME);
  const same = diff.variables.length - diff.variables.filter(({ difference }) => difference !== SAME).length;
  const summary = `${same} the same${footnote(shown)}`;
  const imports = importsOf(diff);
  if (shown.length === 0 && imports.length === 0) return `no difference, ${summary}`;
  if (shown.length === 0) return [...imports, '', summary].join('\n');
  const headings = ['', 'VARIABLE', titleOf(diff.left), titleOf(diff.right)];
  const [head = '', ...lines] = table(headings, shown.map(rowOf)).split('\n');
  const paint = painter(colour);
  const painted = lines.map((line, index) => paint(shown[index]?.difference ?? UNSPECIFIED, line));
  return [head, ...painted, ...(imports.length === 0 ? [] : ['', ...imports]), '', summary].join('\n');
}

/** What each side imports, in the order of the merge; nothing where it is the same. */
function importsOf({ left, right }: EnvironmentDiff): readonly string[] {
  const [one, other] = [importListOf(left), importListOf(right)];
  return one === other ? [] : [`imports: ${one} → ${other}`];
}

function importListOf(side: EnvironmentDiffSide | undefined): string {
  const imports = side?.imports ?? [];
  return imports.length === 0 ? 'none' : imports.map(importOf).join(', ');
}

/** Without the organization, which is always that of the environment. */
function importOf({ slug, version }: ApiResourceReference): string {
  return version === '' || version === 'latest' ? slug : `${slug}@${version}`;
}

function footnote(shown: readonly EnvironmentVariableDifference[]): string {
  return shown.some(({ difference }) => difference === NOT_COMPARED)
    ? '; ?: secrets that were not compared, which --compare-secrets does for the owner'
    : '';
}

function titleOf(side: EnvironmentDiffSide | undefined): string {
  return side === undefined ? '' : `${side.slug}@${side.number}`;
}

function rowOf({ name, difference, left, right }: EnvironmentVariableDifference): readonly string[] {
  const described = left !== undefined && right !== undefined && left.description !== right.description;
  return [markOf(difference), name, cellOf(left, described), cellOf(right, described)];
}

function markOf(difference: EnvironmentDifference): string {
  switch (difference) {
    case SAME:
      return '=';
    case CHANGED:
      return '~';
    case ONLY_LEFT:
      return '-';
    case ONLY_RIGHT:
      return '+';
    case NOT_COMPARED:
    case UNSPECIFIED:
      return '?';
  }
}

/** The value and what is said about it: two sides may differ in that alone. */
function cellOf(value: EnvironmentValue | undefined, described: boolean): string {
  if (value === undefined) return '';
  // The server redacts; a secret that came unredacted would be its fault, and must not become ours.
  const text = value.isSecret ? REDACTED : shortened(value.value);
  const about = [
    ...(value.final ? ['final'] : []),
    ...(value.expiresAt === undefined ? [] : [`expires ${timeOf(value.expiresAt)}`]),
    ...(described ? [value.description === '' ? 'no description' : `"${shortened(value.description)}"`] : []),
  ];
  return about.length === 0 ? text : `${text} (${about.join(', ')})`;
}

function painter(colour: boolean) {
  const { red, green, yellow } = createColors(colour);
  return (difference: EnvironmentDifference, line: string): string => {
    if (difference === ONLY_LEFT) return red(line);
    if (difference === ONLY_RIGHT) return green(line);
    return difference === CHANGED ? yellow(line) : line;
  };
}
