import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { suggest } from '@stigmer/domain';
import { isMap, isScalar, type Node, type YAMLMap } from 'yaml';
import {
  API_VERSION,
  findKind,
  KINDS,
  type ApplicableKind,
  type Kind,
  type Resource,
} from '../resources/kinds';
import { ManifestError, type Problem } from './problem';
import { readMessage } from './read-message';
import { Reader, without } from './reader';
import { parseYaml, type Position, type YamlDocument } from './yaml-documents';

/** A resource as a file describes it, ready to be sent. */
export interface Manifest {
  readonly file: string;
  readonly position: Position;
  readonly kind: ApplicableKind;
  readonly resource: Resource;
  /** Where each field stands, to show the server's own objections at their place. */
  readonly positions: ReadonlyMap<string, Position>;
}

/** `agentic.stigmer.ai/v1` is what the wire has; the other is what many files out there say. */
const ACCEPTED_VERSIONS: readonly string[] = [API_VERSION, 'ai.stigmer.agentic/v1'];

/** Reads every resource of a YAML or JSON text; throws ManifestError with all that is wrong with it. */
export function readManifests(file: string, text: string, org: string): readonly Manifest[] {
  const { documents, problems } = parseYaml(file, text);
  const found: Problem[] = [...problems];
  const manifests = documents.flatMap((source) => readResource(file, source, org, found));
  if (found.length > 0) throw new ManifestError(found);
  return manifests;
}

function readResource(
  file: string,
  source: YamlDocument,
  org: string,
  problems: Problem[],
): readonly Manifest[] {
  const reader = new Reader(file, source);
  const { root } = source;
  const kind = isMap(root) ? readKind(root, reader) : undefined;
  if (!isMap(root))
    reader.problem(root, '', 'a resource has to be a mapping with apiVersion, kind, metadata and spec');
  const resource = kind && isMap(root) ? readBody(kind, root, org, reader) : undefined;
  problems.push(...reader.problems);
  if (!kind || !resource) return [];
  return [{ file, position: source.position(root), kind, resource, positions: reader.positions }];
}

function readKind(root: YAMLMap, reader: Reader): ApplicableKind | undefined {
  const version = text(root, 'apiVersion') ?? text(root, 'api_version');
  if (version === undefined || !ACCEPTED_VERSIONS.includes(version)) {
    const node = valueNode(root, 'apiVersion') ?? valueNode(root, 'api_version') ?? root;
    reader.problem(node, 'apiVersion', `has to be ${ACCEPTED_VERSIONS.join(' or ')}`);
  }
  const name = text(root, 'kind');
  const kind = KINDS.find((candidate) => candidate.name === name);
  if (kind && isApplicable(kind)) return kind;
  reader.problem(valueNode(root, 'kind') ?? root, 'kind', kind ? madeByRuns(kind) : unknownKind(name));
  return undefined;
}

function isApplicable(kind: Kind): kind is ApplicableKind {
  return kind.apply !== undefined;
}

function madeByRuns({ name }: Kind): string {
  const template = name === 'AgentExecution' ? 'agent' : 'workflow';
  return `${name} is made by a run, not by a file: see \`stigmer ${template} execute --help\``;
}

function unknownKind(name: string | undefined): string {
  const known = KINDS.filter(isApplicable).map((kind) => kind.name);
  const near = name === undefined ? undefined : (findKind(name)?.name ?? suggest(name, known));
  return near === undefined
    ? `has to be one of ${known.join(', ')}`
    : `is not known; did you mean "${near}"?`;
}

function readBody(kind: ApplicableKind, root: YAMLMap, org: string, reader: Reader): Resource | undefined {
  // A file made with `get --output yaml` carries the status; it is the server's to write.
  const json = readMessage(kind.schema, without(root, 'status'), '', reader);
  const metadata = (json['metadata'] ?? {}) as JsonObject;
  if (!metadata['name'] && !metadata['slug']) {
    reader.problem(valueNode(root, 'metadata') ?? root, 'metadata.name', 'is missing');
  }
  if (reader.problems.length > 0) return undefined;
  const { ownerScope } = kind.apply;
  const scope: JsonObject = ownerScope === undefined ? {} : { ownerScope };
  const completed: JsonObject = {
    ...json,
    apiVersion: API_VERSION,
    kind: kind.name,
    metadata: { ...scope, ...metadata, org: metadata['org'] || org },
  };
  try {
    return fromJson(kind.schema, completed) as Resource;
  } catch {
    // Its message quotes the value it stumbled over.
    reader.problem(root, '', 'a value is outside what the contract allows');
    return undefined;
  }
}

function valueNode(map: YAMLMap, key: string): Node | undefined {
  return map.get(key, true);
}

function text(map: YAMLMap, key: string): string | undefined {
  const node = valueNode(map, key);
  return isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
}
