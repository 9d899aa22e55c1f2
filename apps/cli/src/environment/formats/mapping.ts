import { isVariableName, VARIABLE_NAME_RULE } from '@stigmer/domain';
import { isMap, isScalar, type Node, type YAMLMap } from 'yaml';
import { ManifestError, type Problem } from '../../manifest/problem';
import { isNull, Reader, scalarText } from '../../manifest/reader';
import { parseYaml, type YamlDocument } from '../../manifest/yaml-documents';
import type { FileVariable } from './format';

/** A YAML or JSON file that holds one mapping; every problem found in it is thrown together. */
export function readMapping(
  file: string,
  text: string,
  read: (root: YAMLMap, reader: Reader, at: YamlDocument['position']) => readonly FileVariable[],
): readonly FileVariable[] {
  const { documents, problems } = parseYaml(file, text);
  const [source, second] = documents;
  const found: Problem[] = [...problems];
  const whole = { file, line: 1, column: 1 };
  if (!source) {
    if (found.length === 0) found.push({ ...whole, message: 'the file is empty' });
    throw new ManifestError(found);
  }
  const reader = new Reader(file, source);
  if (second) found.push({ file, ...second.position(second.root), message: 'a second document starts here' });
  if (!isMap(source.root)) reader.problem(source.root, '', 'has to be a mapping of names to values');
  const variables = isMap(source.root) ? read(source.root, reader, source.position) : [];
  found.push(...reader.problems);
  if (found.length > 0) throw new ManifestError(found);
  return variables;
}

/** The variables of a mapping. `decode` turns the text of a value into what is stored, or notes what is wrong. */
export function readValues(
  map: YAMLMap,
  path: string,
  reader: Reader,
  at: YamlDocument['position'],
  { declaredSecret, decode }: ReadValues,
): readonly FileVariable[] {
  return reader.entries(map, path).flatMap(({ key, keyNode, value }) => {
    // An illegal name may be a value that slipped: it is pointed at, and not repeated.
    if (!isVariableName(key)) {
      reader.problem(keyNode, '', VARIABLE_NAME_RULE);
      return [];
    }
    const text = textOf(value);
    if (typeof text !== 'string') {
      reader.problem(keyNode, key, text.problem);
      return [];
    }
    const decoded = decode === undefined ? text : decode(text);
    if (decoded === undefined) {
      reader.problem(keyNode, key, 'has to be the base64 of a text in UTF-8');
      return [];
    }
    return [{ name: key, value: decoded, declaredSecret, ...at(keyNode) }];
  });
}

export interface ReadValues {
  readonly declaredSecret: boolean;
  /** Undefined for a text that stands for no value. */
  readonly decode?: (text: string) => string | undefined;
}

function textOf(node: Node | undefined): string | { readonly problem: string } {
  if (node === undefined || isNull(node)) return { problem: 'has no value; an empty one is ""' };
  const text = isScalar(node) ? scalarText(node) : undefined;
  return text ?? { problem: 'has to be a text, a number, true or false' };
}
