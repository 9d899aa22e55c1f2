import { readManifests } from '../manifest/read-resource';
import type { Resource } from '../resources/kinds';
import { diffResources } from './diff';

const resource = (kind: string, spec: string): Resource => {
  const [manifest] = readManifests(
    'f',
    `{apiVersion: agentic.stigmer.ai/v1, kind: ${kind}, metadata: {name: n}, spec: ${spec}}`,
    'o',
  );
  if (!manifest) throw new Error('no resource');
  return manifest.resource;
};
const diff = (kind: string, stored: string, written: string) =>
  diffResources(resource(kind, stored), resource(kind, written)).map(
    ({ path, change }) => `${change} ${path}`,
  );

describe('what a write would change', () => {
  it('is told by path: what is new, gone and different', () => {
    expect(
      diff('Environment', '{data: {A: {value: 1}, B: {value: 2}}}', '{data: {A: {value: 3}, C: {value: 4}}}'),
    ).toEqual(['changed spec.data.A.value', 'removed spec.data.B', 'added spec.data.C']);
  });

  it('is nothing for a secret that is kept, and undecided for one that is given', () => {
    const stored = '{data: {A: {value: "********", is_secret: true}}}';
    expect(diff('Environment', stored, stored)).toEqual([]);
    expect(diff('Environment', stored, '{data: {A: {value: x, is_secret: true}}}')).toEqual([
      'secret spec.data.A.value',
    ]);
    expect(diff('Environment', stored, '{data: {A: {value: x}}}')).toEqual([
      'changed spec.data.A.value',
      'removed spec.data.A.is_secret',
    ]);
  });

  it('ignores what the server adds to a reference', () => {
    const stored =
      '{agent_id: a, environment_refs: [{slug: prod, org: o, kind: environment, scope: organization}]}';
    expect(diff('AgentInstance', stored, '{agent_id: a, environment_refs: [prod]}')).toEqual([]);
    expect(diff('AgentInstance', stored, '{agent_id: a, environment_refs: [test]}')).toEqual([
      'changed spec.environment_refs[0].slug',
    ]);
  });

  it('tells when a reference pins another version, or none any more', () => {
    const stored =
      '{agent_id: a, environment_refs: [{slug: prod, org: o, kind: environment, version: "3"}, {slug: b, version: "1"}]}';
    expect(diff('AgentInstance', stored, '{agent_id: a, environment_refs: [prod@4, b]}')).toEqual([
      'changed spec.environment_refs[0].version',
      'removed spec.environment_refs[1].version',
    ]);
  });

  it('tells of imports, finality and expiry', () => {
    const stored =
      '{imports: [{slug: base, org: o, kind: environment}], data: {A: {value: 1, expires_at: "2027-01-31T00:00:00Z"}}}';
    expect(diff('Environment', stored, stored)).toEqual([]);
    expect(
      diff(
        'Environment',
        stored,
        '{imports: [base@stable, team], data: {A: {value: 1, final: true, expires_at: "2027-02-28T00:00:00+00:00"}}}',
      ),
    ).toEqual([
      'changed spec.data.A.expires_at',
      'added spec.data.A.final',
      'added spec.imports[0].version',
      'added spec.imports[1]',
    ]);
    expect(diff('Environment', stored, '{data: {A: {value: 1}}}')).toEqual([
      'removed spec.data.A.expires_at',
      'removed spec.imports',
    ]);
  });

  it('compares lists item by item', () => {
    expect(
      diff(
        'Agent',
        '{instructions: x, mcp_servers: [{name: a}, {name: b}]}',
        '{instructions: x, mcp_servers: [{name: a}]}',
      ),
    ).toEqual(['removed spec.mcp_servers[1]']);
  });
});
