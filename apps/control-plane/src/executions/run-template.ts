import { create } from '@bufbuild/protobuf';
import { type Template, TemplateSchema } from '@stigmer/proto/agentic/resolver/v1/io';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import type { ExecutionSnapshot } from '@stigmer/proto/internal/v1/execution_snapshots';
import { needsOf } from '../templates/workflow-definition';

/** What the resolver merges for a run, besides the runtime values. */
export interface RunSources {
  readonly template: Template;
  readonly environmentRefs: ApiResourceReference[];
}

/** The sources of a run, from its snapshot: later edits of template and instance do not reach it. */
export function sourcesOf({ run }: ExecutionSnapshot): RunSources {
  switch (run.case) {
    case 'agent': {
      const { agent, instance } = run.value;
      const template = create(TemplateSchema, {
        kind: 'Agent',
        id: agent?.metadata?.id,
        name: agent?.metadata?.name,
        envSpec: agent?.spec?.envSpec,
        mcpServers: agent?.spec?.mcpServers,
      });
      return { template, environmentRefs: instance?.spec?.environmentRefs ?? [] };
    }
    case 'workflow': {
      const { workflow, instance } = run.value;
      const needs = workflow?.spec === undefined ? undefined : needsOf(workflow.spec);
      const template = create(TemplateSchema, {
        kind: 'Workflow',
        id: workflow?.metadata?.id,
        name: workflow?.metadata?.name,
        envSpec: workflow?.spec?.envSpec,
        mcpServers: [...(needs?.mcpServers ?? [])],
        variableUses: [...(needs?.variableUses ?? [])],
      });
      return { template, environmentRefs: instance?.spec?.envRefs ?? [] };
    }
    case undefined:
      throw new Error('a snapshot of nothing');
  }
}
