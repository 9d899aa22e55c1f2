import { LineCounter, parseAllDocuments, type Document, type ErrorCode, type Node } from 'yaml';
import type { Problem } from './problem';

/** One YAML document of a file, with what it takes to say where something stands in it. */
export interface YamlDocument {
  readonly document: Document.Parsed;
  readonly root: Node;
  /** Line and column of a node, both counted from 1. */
  readonly position: (node: Node | null | undefined) => Position;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** An alias may be followed this often in one document; past that it is an attack, not a manifest. */
const MAX_ALIASES = 100;

/**
 * The parser's own messages quote the text they stumble over, and that text may be a secret. So each of its
 * codes has a sentence here, and the messages are never shown.
 */
const SENTENCES: Record<ErrorCode, string> = {
  ALIAS_PROPS: 'an alias can have neither a tag nor an anchor',
  BAD_ALIAS: 'this alias names no anchor',
  BAD_COLLECTION_TYPE: 'the tag does not fit the value',
  BAD_DIRECTIVE: 'unknown YAML directive',
  BAD_DQ_ESCAPE: 'invalid escape sequence in a double-quoted text',
  BAD_INDENT: 'the indentation does not fit the lines above',
  BAD_PROP_ORDER: 'a tag or anchor stands in the wrong place',
  BAD_SCALAR_START: 'this value starts with a character that needs quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping or list cannot start here; is a line break or are quotes missing?',
  BLOCK_IN_FLOW: 'a block cannot stand inside { } or [ ]',
  DUPLICATE_KEY: 'the key is given twice',
  IMPOSSIBLE: 'this cannot be read as YAML',
  KEY_OVER_1024_CHARS: 'the key is longer than 1024 characters',
  MISSING_CHAR: 'a character is missing here: a quote, a colon, a comma or a space',
  MULTILINE_IMPLICIT_KEY: 'a key has to stand on one line; is a colon or a quote missing?',
  MULTIPLE_ANCHORS: 'a value can have one anchor',
  MULTIPLE_DOCS: 'a second document starts here',
  MULTIPLE_TAGS: 'a value can have one tag',
  NON_STRING_KEY: 'a key has to be a text',
  RESOURCE_EXHAUSTION: 'the document nests too deeply',
  TAB_AS_INDENT: 'tabs cannot indent YAML; use spaces',
  TAG_RESOLVE_FAILED: 'unknown tag',
  UNEXPECTED_TOKEN: 'this does not belong here',
};

/** Parses a file of one or several YAML (or JSON) documents; empty documents are left out. */
export function parseYaml(
  file: string,
  text: string,
): { readonly documents: readonly YamlDocument[]; readonly problems: readonly Problem[] } {
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const documents: YamlDocument[] = [];
  const problems: Problem[] = [];
  for (const document of parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })) {
    const errors = [...document.errors, ...document.warnings];
    problems.push(
      ...errors.map(({ pos, code }) => ({
        file,
        ...at(pos[0]),
        message: `malformed YAML: ${SENTENCES[code]}`,
      })),
    );
    const root = document.contents;
    if (errors.length > 0 || root === null || isNothing(root)) continue;
    const position = (node: Node | null | undefined): Position => at(node?.range?.[0] ?? root.range[0]);
    if (aliasesExplode(document)) {
      problems.push({
        file,
        ...position(root),
        message: 'the document repeats itself by aliases, or nests, without end',
      });
    } else {
      documents.push({ document, root, position });
    }
  }
  return { documents, problems };
}

function isNothing(root: Node): boolean {
  return 'value' in root && root.value === null;
}

function aliasesExplode(document: Document.Parsed): boolean {
  try {
    document.toJS({ maxAliasCount: MAX_ALIASES });
    return false;
  } catch {
    return true;
  }
}
