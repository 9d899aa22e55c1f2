import type { MessageInitShape } from '@bufbuild/protobuf';
import type { EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import type { ExecutionValueSchema } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import type { TemplateSchema } from '@stigmer/proto/agentic/resolver/v1/io';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';

/** As long as access keys, URLs and the like are. */
export const VALUE_BYTES = 40;

/** An environment of so many keys, of which so many are secret. */
export function environmentOf(
  slug: string,
  keys: number,
  secrets: number,
): MessageInitShape<typeof EnvironmentSchema> {
  return {
    apiVersion: 'agentic.stigmer.ai/v1',
    kind: 'Environment',
    metadata: { name: slug, slug, org: 'acme', ownerScope: ApiResourceOwnerScope.organization },
    spec: { description: 'Made by the bench.', data: valuesOf(slug, keys, secrets) },
  };
}

function valuesOf(slug: string, keys: number, secrets: number) {
  const prefix = slug.replaceAll('-', '_').toUpperCase();
  const values = Array.from(
    { length: keys },
    (_, index) =>
      [
        `${prefix}_${String(index).padStart(4, '0')}`,
        { value: valueOf(`${slug} ${index}`), isSecret: index < secrets, description: `Variable ${index}` },
      ] as const,
  );
  return Object.fromEntries(values);
}

/** A template that declares two variables of each environment, and one MCP server that uses them. */
export function templateOf(slugs: readonly string[]): MessageInitShape<typeof TemplateSchema> {
  const names = slugs.flatMap((slug) => {
    const prefix = slug.replaceAll('-', '_').toUpperCase();
    return [`${prefix}_0000`, `${prefix}_0049`];
  });
  return {
    kind: 'Agent',
    id: 'agt-bench',
    name: 'bench',
    envSpec: {
      data: Object.fromEntries(names.map((name) => [name, { isSecret: name.endsWith('0000') }])),
    },
    mcpServers: [
      {
        name: 'tools',
        serverType: {
          case: 'stdio',
          value: {
            command: 'tools',
            envPlaceholders: Object.fromEntries(names.map((name) => [name, '${' + name + '}'])),
          },
        },
      },
    ],
  };
}

/** What the caller of a run gives: some plain values of its own, one of which overrides. */
export function runtimeValues(
  slug: string,
): Readonly<Record<string, MessageInitShape<typeof ExecutionValueSchema>>> {
  const prefix = slug.replaceAll('-', '_').toUpperCase();
  return {
    [`${prefix}_0049`]: { value: valueOf('runtime') },
    REQUEST_ID: { value: valueOf('request') },
    BRANCH: { value: 'main' },
  };
}

export function valueOf(text: string): string {
  return `${text} `.padEnd(VALUE_BYTES, '0123456789abcdef');
}
