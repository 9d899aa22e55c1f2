import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EnvironmentSpecSchema } from '@stigmer/proto/agentic/environment/v1/spec';
import { envSpecFaults } from './env-spec';

const expiresAt = timestampFromMs(0);

function faults(init: MessageInitShape<typeof EnvironmentSpecSchema>): readonly string[] {
  return envSpecFaults(create(EnvironmentSpecSchema, init)).map(({ field }) => field);
}

describe('what a template declares', () => {
  it('imports nothing: that is for environments', () => {
    expect(faults({ imports: [{ slug: 'base' }] })).toEqual(['spec.env_spec.imports']);
  });

  it('may be final or expire where it has a value, and not where it only is declared', () => {
    expect(faults({ data: { A: { value: 'x', final: true, expiresAt }, B: {} } })).toEqual([]);
    expect(faults({ data: { A: { final: true }, B: { expiresAt } } })).toEqual([
      'spec.env_spec.data["A"].final',
      'spec.env_spec.data["B"].expires_at',
    ]);
  });

  it('expires in a year that can be written down', () => {
    const never = { value: 'x', expiresAt: { seconds: 10n ** 12n } };
    expect(faults({ data: { A: never } })).toEqual(['spec.env_spec.data["A"].expires_at']);
  });

  it('carries no secret', () => {
    expect(faults({ data: { A: { value: 'canary', isSecret: true } } })).toEqual(['spec.env_spec.data["A"]']);
  });
});
