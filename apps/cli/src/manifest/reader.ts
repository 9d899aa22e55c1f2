import { isAlias, isMap, isScalar, isSeq, YAMLMap, type Node, type Scalar } from 'yaml';
import type { Problem } from './problem';
import type { Position, YamlDocument } from './yaml-documents';

/** One entry of a mapping: its key, where the key stands, and its value. */
export interface Entry {
  readonly key: string;
  readonly keyNode: Node;
  readonly value: Node | undefined;
}

/** What reading one document gathers: every problem, and where each field of the contract stands. */
export class Reader {
  readonly problems: Problem[] = [];
  /** Field path → position, so that a violation reported by the server can be shown in the file. */
  readonly positions = new Map<string, Position>();

  constructor(
    private readonly file: string,
    private readonly source: YamlDocument,
  ) {}

  /** Notes a problem; `node` says where, `message` never quotes what stands there. */
  problem(node: Node | undefined, field: string, message: string): void {
    const { line, column } = this.source.position(node);
    this.problems.push({ file: this.file, line, column, field, message });
  }

  place(node: Node | undefined, field: string): void {
    this.positions.set(field, this.source.position(node));
  }

  /** The node itself, or what its alias stands for. */
  resolve(node: unknown): Node | undefined {
    const target = isAlias(node) ? node.resolve(this.source.document) : node;
    return isMap(target) || isSeq(target) || isScalar(target) ? target : undefined;
  }

  /** A plain JavaScript value, for the parts of a resource that are free-form. */
  plain(node: Node): unknown {
    return node.toJS(this.source.document, { maxAliasCount: 100 });
  }

  /** The entries of a mapping, as far as their keys are texts. */
  entries(map: YAMLMap, path: string): readonly Entry[] {
    return map.items.flatMap(({ key, value }) => {
      const keyNode = this.resolve(key);
      const name = isScalar(keyNode) ? scalarText(keyNode) : undefined;
      if (keyNode === undefined || name === undefined) {
        this.problem(keyNode ?? map, path, 'a key has to be a text');
        return [];
      }
      return [{ key: name, keyNode, value: this.resolve(value) }];
    });
  }
}

/**
 * The text of a scalar exactly as it was written: `1.10` and `true` are texts like any other where the contract
 * wants one, so that nobody has to quote a port or a version number. Null is not a text.
 */
export function scalarText(node: Scalar): string | undefined {
  if (typeof node.value === 'string') return node.value;
  if (node.value === null || node.value === undefined) return undefined;
  return (
    node.source ??
    (typeof node.value === 'number' || typeof node.value === 'boolean' ? String(node.value) : undefined)
  );
}

export function isNull(node: Node | undefined): boolean {
  return node === undefined || (isScalar(node) && (node.value === null || node.value === undefined));
}

/** The same mapping without one of its entries. */
export function without(map: YAMLMap, name: string): YAMLMap {
  const rest = new YAMLMap(map.schema);
  rest.items = map.items.filter(({ key }) => !(isScalar(key) && key.value === name));
  rest.range = map.range;
  return rest;
}
