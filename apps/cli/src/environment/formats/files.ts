import { readDotenv, writeDotenv } from './dotenv';
import { readFlat, writeJson, writeYaml } from './flat';
import type { FileContent, FileFormat, FileVariable } from './format';
import { isSecretManifest, readSecretManifest, secretVariables, writeSecretManifest } from './kubernetes';
import { readMapping, readValues } from './mapping';

/** Reads the variables of a file. Throws ManifestError with all that is wrong: file, line, and never a value. */
export function readVariables(format: FileFormat, file: string, text: string): readonly FileVariable[] {
  switch (format) {
    case 'dotenv':
      return readDotenv(file, text);
    case 'json':
    case 'yaml':
      return readFlat(file, text);
    case 'kubernetes':
      return readSecretManifest(file, text);
  }
}

/** The same where nobody said the format: a YAML or JSON file may be the manifest of a Secret. */
export function readDetected(format: FileFormat, file: string, text: string): readonly FileVariable[] {
  if (format !== 'json' && format !== 'yaml') return readVariables(format, file, text);
  return readMapping(file, text, (root, reader, at) =>
    isSecretManifest(root)
      ? secretVariables(root, reader, at)
      : readValues(root, '', reader, at, { declaredSecret: false }),
  );
}

/** A file of variables that {@link readVariables} reads back as they are. */
export function writeVariables(format: FileFormat, content: FileContent): string {
  switch (format) {
    case 'dotenv':
      return writeDotenv(content);
    case 'json':
      return writeJson(content);
    case 'yaml':
      return writeYaml(content);
    case 'kubernetes':
      return writeSecretManifest(content);
  }
}
