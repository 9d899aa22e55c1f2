import { identityOf } from './identity';
import { inDependencyOrder } from './order';
import { formatProblem, ManifestError } from './problem';
import { readManifests } from './read-resource';

const environment = (name: string, imports: string, org = 'o'): string =>
  `{apiVersion: agentic.stigmer.ai/v1, kind: Environment, metadata: {name: ${name}, org: ${org}}, spec: {imports: [${imports}]}}`;
const agent =
  '{apiVersion: agentic.stigmer.ai/v1, kind: Agent, metadata: {name: a}, spec: {instructions: x}}';
const ordered = (...documents: readonly string[]): readonly string[] =>
  inDependencyOrder(readManifests('f.yaml', documents.join('\n---\n'), 'o')).map((manifest) => {
    const { kind, slug } = identityOf(manifest);
    return `${kind} ${slug}`;
  });

describe('the order in which resources are written', () => {
  it('has an environment after those that it imports, and else leaves the files as they are', () => {
    expect(
      ordered(
        agent,
        environment('z', ''),
        environment('prod', 'env-team, base@stable, elsewhere'),
        environment('team', '{id: base}'),
        environment('Base', ''),
      ),
    ).toEqual(['Environment z', 'Environment base', 'Environment team', 'Environment prod', 'Agent a']);
  });

  it('takes an environment of another organization for no import', () => {
    expect(ordered(environment('a', 'b'), environment('b', 'a', 'other'))).toEqual([
      'Environment a',
      'Environment b',
    ]);
  });

  it('refuses a circle, with its path and its place', () => {
    const work = () => ordered(environment('x', 'a'), environment('a', 'b'), environment('b', 'env-a'));
    expect(work).toThrow(ManifestError);
    try {
      work();
    } catch (error) {
      expect((error as ManifestError).problems.map(formatProblem)).toEqual([
        'f.yaml:3:1: spec.imports: environments import each other in a circle: a → b → a',
      ]);
    }
  });
});
