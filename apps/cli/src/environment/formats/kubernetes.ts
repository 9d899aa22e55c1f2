import { isMap, isScalar, type YAMLMap } from 'yaml';
import type { Reader } from '../../manifest/reader';
import type { YamlDocument } from '../../manifest/yaml-documents';
import { toYaml } from './flat';
import type { FileContent, FileVariable } from './format';
import { readMapping, readValues } from './mapping';
import { omittedComment } from './omitted';

/** Whether a mapping is the manifest of a Secret, whatever the file is called. */
export function isSecretManifest(root: YAMLMap): boolean {
  return textAt(root, 'kind') === 'Secret' && textAt(root, 'apiVersion') === 'v1';
}

/** Reads the manifest of a Secret: `data` in base64, `stringData` as it is, which wins as it does in a cluster. */
export function readSecretManifest(file: string, text: string): readonly FileVariable[] {
  return readMapping(file, text, (root, reader, at) => {
    if (!isSecretManifest(root)) {
      reader.problem(root, '', 'has to be one manifest with apiVersion: v1 and kind: Secret');
      return [];
    }
    return secretVariables(root, reader, at);
  });
}

export function secretVariables(
  root: YAMLMap,
  reader: Reader,
  at: YamlDocument['position'],
): readonly FileVariable[] {
  const read = (field: string, decode?: (text: string) => string | undefined): readonly FileVariable[] => {
    const node = reader.resolve(root.get(field, true));
    if (node === undefined || (isScalar(node) && node.value === null)) return [];
    if (isMap(node)) return readValues(node, field, reader, at, { declaredSecret: true, decode });
    reader.problem(node, field, 'has to be a mapping');
    return [];
  };
  const both = [...read('data', decodeBase64), ...read('stringData')];
  return [...new Map(both.map((variable) => [variable.name, variable])).values()];
}

export function writeSecretManifest({ slug, variables, omitted }: FileContent): string {
  const data = Object.fromEntries(
    variables.map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  );
  const manifest = { apiVersion: 'v1', kind: 'Secret', metadata: { name: slug }, type: 'Opaque', data };
  const comment = omittedComment(omitted).map((line) => `${line}\n`);
  return [...comment, toYaml(manifest)].join('');
}

/** Strictly: Node's own decoder passes over whatever it does not know. White space is there where lines were folded. */
function decodeBase64(text: string): string | undefined {
  const compact = text.replaceAll(/\s/g, '');
  const bytes = Buffer.from(compact, 'base64');
  if (bytes.toString('base64') !== compact) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function textAt(map: YAMLMap, key: string): string | undefined {
  const node = map.get(key, true);
  return isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
}
