const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const VARIABLE_NAME_LENGTH = 256;

/** What a variable may be called, for messages. */
export const VARIABLE_NAME_RULE = `a name matches [A-Za-z_][A-Za-z0-9_]*, has at most ${VARIABLE_NAME_LENGTH} characters and is not __proto__`;

/**
 * Whether a variable may have this name. `__proto__` may not: protobuf and JSON put maps into plain objects,
 * where assigning to it replaces the prototype instead of adding a key. `constructor` and the like are harmless.
 */
export function isVariableName(name: string): boolean {
  return name.length <= VARIABLE_NAME_LENGTH && VARIABLE_NAME.test(name) && name !== '__proto__';
}

/** A name as it may stand in a message: quoted, control characters escaped, never longer than a line. */
export function quoteName(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}

/** `GitHub Prod!` becomes `github-prod`: the contract's rule, the same for every kind. */
export function slugify(name: string): string {
  return name
    .toLowerCase()
    .replace(/\s/g, '-')
    .replace(/[^a-z0-9-]/g, '')
    .replace(/-+/g, '-')
    .replace(/^-|-$/g, '');
}
