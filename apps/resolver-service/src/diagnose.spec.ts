import { create } from '@bufbuild/protobuf';
import type { Merged } from '@stigmer/domain';
import { TemplateSchema } from '@stigmer/proto/agentic/resolver/v1/io';
import { ApiResourceReferenceSchema } from '@stigmer/proto/commons/apiresource/io';
import { diagnose } from './diagnose';

const merged: Merged = {
  values: new Map([['REGION', { text: 'eu', secret: false, origin: { kind: 'runtime' }, shadowed: [] }]]),
  absent: new Map(),
  diagnostics: [],
};

it('suggests names for the first twenty mistakes of a request, over servers and tasks, and reports them all', () => {
  const placeholders = Object.fromEntries(
    Array.from({ length: 15 }, (_, at) => [`A${at}`, '${REGOIN}'] as const),
  );
  const found = diagnose(
    create(TemplateSchema, {
      mcpServers: [
        { name: 'files', serverType: { case: 'stdio', value: { envPlaceholders: placeholders } } },
      ],
      variableUses: Array.from({ length: 15 }, (_, at) => ({ location: `tasks[${at}]`, name: 'REGOIN' })),
    }),
    merged,
    [],
    [],
  );
  expect(found).toHaveLength(30);
  expect(found.filter(({ hint }) => hint === 'did you mean REGION?')).toHaveLength(20);
});

it('tells of a version that is not there, which cannot be applied, where to look for those that are', () => {
  const [found] = diagnose(
    create(TemplateSchema, {}),
    merged,
    [create(ApiResourceReferenceSchema, { slug: 'prod', version: '3' })],
    [],
  );
  expect(found).toMatchObject({
    message: 'Environment not found: prod@3',
    hint: 'let the instance refer to a version that is there: stigmer environment history prod',
  });
});
