export * from './credential';
export * from './dependency-order';
export * from './diagnostic';
export * from './dotenv';
export * from './errors';
export { expiryDiagnostic, isInstant } from './expiry';
export * from './expression';
export * from './imports';
export * from './kinds';
export * from './layers';
export * from './limits';
export { createMasker, type Masker, REDACTED } from './mask';
export * from './mcp-server';
export * from './merge';
export { isVariableName, quoteName, slugify, VARIABLE_NAME_RULE } from './names';
export {
  parsePlaceholders,
  substitute,
  type ParsedPlaceholders,
  type PlaceholderPart,
  type PlaceholderProblem,
  type ResolvedText,
  type Substitution,
} from './placeholder';
export { isRedacted } from './redacted';
export * from './server-placeholders';
export { suggest, suggestFew, type Suggest } from './suggest';
export * from './temporal';
export { isWeakSecret } from './weak-secret';
export * from './workflow-task';
