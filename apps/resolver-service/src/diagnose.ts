import {
  checkServer,
  type Diagnostic,
  importDiagnostic,
  type ImportFault,
  type Merged,
  serverPlaceholders,
  type Suggest,
  suggestFew,
} from '@stigmer/domain';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import type { ImportProblem } from '@stigmer/proto/internal/v1/environment_vault';
import type { Template, VariableUse } from '@stigmer/proto/agentic/resolver/v1/io';

/**
 * Everything that keeps a run from starting, in the order in which one would put it right: environments that are
 * not there, imports that lead nowhere, what is wrong with the variables, placeholders of MCP servers, variables that
 * a workflow's tasks name; and the warnings among them.
 */
export function diagnose(
  template: Template,
  merged: Merged,
  missing: readonly ApiResourceReference[],
  importProblems: readonly ImportProblem[],
): readonly Diagnostic[] {
  const near = suggestFew();
  return [
    ...missing.map(missingEnvironment),
    ...importProblems.map(brokenImport),
    ...merged.diagnostics,
    ...template.mcpServers.flatMap((server) =>
      checkServer(serverPlaceholders(server), merged.values, merged.absent, near),
    ),
    ...template.variableUses.flatMap((use) => checkUse(use, merged, near)),
  ];
}

function missingEnvironment({ slug, org, version }: ApiResourceReference): Diagnostic {
  const named = org === '' ? slug : `${org}/${slug}`;
  const ref = version === '' ? named : `${named}@${version}`;
  return {
    code: 'missing-environment',
    severity: 'error',
    field: 'environment_refs',
    message: `Environment not found: ${ref}`,
    hint:
      version === '' || version === 'latest'
        ? 'apply it, or take the reference out of the instance'
        : `let the instance refer to a version that is there: stigmer environment history ${slug}`,
  };
}

const IMPORT_FAULTS: readonly ImportFault[] = [
  'missing-import',
  'import-cycle',
  'imports-too-deep',
  'too-many-imports',
];

function brokenImport({ code, path }: ImportProblem): Diagnostic {
  const known = IMPORT_FAULTS.find((fault) => fault === code);
  // A later environment-service may know more of them, and a run must not start over one.
  if (known === undefined) {
    const message = `the import ${path.join(' → ')} cannot be followed`;
    return { code, severity: 'error', field: 'environment_refs', message };
  }
  return importDiagnostic(known, path);
}

/**
 * `.secrets` holds the secrets of a run and `.env_vars` the rest, so a variable named on the wrong side would read
 * as null. For a secret that is more than a mistake: what `.env_vars` holds may be stored and shown. So both
 * are errors. A variable that is optional and absent is null by design; one that is required is reported already.
 */
function checkUse(
  { location, name, secret }: VariableUse,
  { values, absent }: Merged,
  near: Suggest,
): readonly Diagnostic[] {
  if (absent.has(name)) return [];
  const variable = values.get(name);
  const at = { severity: 'error', field: location, variable: name } as const;
  if (variable === undefined) {
    const meant = near(name, values.keys());
    const hint = meant === undefined ? 'declare it in the template and set it' : `did you mean ${meant}?`;
    return [{ ...at, code: 'unknown-variable', message: `${name} is not a variable of this run`, hint }];
  }
  if (variable.secret === secret) return [];
  return secret
    ? [
        {
          ...at,
          code: 'plain-variable-as-secret',
          message: `${name} is not a secret`,
          hint: `write \${.env_vars.${name}}, or set it as a secret`,
        },
      ]
    : [
        {
          ...at,
          code: 'secret-as-plain-variable',
          message: `${name} is a secret`,
          hint: `write \${.secrets.${name}}`,
        },
      ];
}
