import { type ServerField, type ServerPlaceholders } from './server-placeholders';

/**
 * The part of `agent.v1.McpServerDefinition` that matters here. The generated message has this shape, so the
 * resolver, which checks a definition, and the runner, which starts it, both list its texts with this code.
 */
export interface McpServerShape {
  readonly name: string;
  readonly serverType:
    | { readonly case: 'stdio'; readonly value: StdioShape }
    | { readonly case: 'http'; readonly value: HttpShape }
    | { readonly case: 'docker'; readonly value: DockerShape }
    | { readonly case: undefined; readonly value?: undefined };
}

interface StdioShape {
  readonly command: string;
  readonly args: readonly string[];
  readonly envPlaceholders: Readonly<Record<string, string>>;
  readonly workingDir: string;
}

interface HttpShape {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly queryParams: Readonly<Record<string, string>>;
}

interface DockerShape {
  readonly image: string;
  readonly args: readonly string[];
  readonly envPlaceholders: Readonly<Record<string, string>>;
  readonly volumes: readonly { readonly hostPath: string; readonly containerPath: string }[];
  readonly network: string;
  readonly containerName: string;
}

/** Lists the texts of a definition. A field is called as in the file: `env_placeholders.TOKEN`, `args[2]`. */
export function serverPlaceholders({ name, serverType }: McpServerShape): ServerPlaceholders {
  return { name, fields: [fixed('name', name), ...fieldsOf(serverType)] };
}

function fieldsOf(server: McpServerShape['serverType']): readonly ServerField[] {
  switch (server.case) {
    case 'stdio':
      return [
        fixed('command', server.value.command),
        ...fixedList('args', server.value.args),
        fixed('working_dir', server.value.workingDir),
        ...fillable('env_placeholders', server.value.envPlaceholders),
      ];
    case 'http':
      return [
        fixed('url', server.value.url),
        ...fillable('headers', server.value.headers),
        ...fillable('query_params', server.value.queryParams),
      ];
    case 'docker':
      return [
        fixed('image', server.value.image),
        ...fixedList('args', server.value.args),
        ...fixedList(
          'volumes',
          server.value.volumes.map(({ hostPath, containerPath }) => `${hostPath}:${containerPath}`),
        ),
        fixed('network', server.value.network),
        fixed('container_name', server.value.containerName),
        ...fillable('env_placeholders', server.value.envPlaceholders),
      ];
    case undefined:
      return [];
  }
}

function fixed(field: string, text: string): ServerField {
  return { field, text, allowed: false };
}

function fixedList(field: string, texts: readonly string[]): readonly ServerField[] {
  return texts.map((text, index) => fixed(`${field}[${index}]`, text));
}

/** A map whose values may hold placeholders; its keys are names and may not. */
function fillable(field: string, map: Readonly<Record<string, string>>): readonly ServerField[] {
  return Object.keys(map)
    .sort()
    .flatMap((key) => [
      fixed(`${field} (the name of an entry)`, key),
      { field: `${field}.${key}`, text: map[key] ?? '', allowed: true },
    ]);
}
