/** A comment that names the secrets a file was written without; nothing where there is none. */
export function omittedComment(names: readonly string[]): readonly string[] {
  return names.length === 0 ? [] : [`# left out, since they are secrets: ${names.join(', ')}`];
}
