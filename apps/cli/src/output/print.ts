import type { Context } from '../context';

/**
 * Writes a command's answer to the standard output: the data as JSON or YAML, or `human()` for people. Only this
 * goes there; notes, warnings, progress and errors go to the standard error, so that the answer can be piped.
 */
export async function print(context: Context, data: unknown, human: () => string): Promise<void> {
  context.io.stdout.write(ended(await rendered(context, data, human)));
}

async function rendered(context: Context, data: unknown, human: () => string): Promise<string> {
  switch (context.format) {
    case 'json':
      return JSON.stringify(data, null, 2);
    case 'yaml': {
      const { stringify } = await import('yaml');
      return stringify(data, { lineWidth: 0 });
    }
    case 'table':
      return human();
  }
}

/** A remark beside the answer. */
export function note(context: Context, text: string): void {
  context.io.stderr.write(ended(text));
}

export function warn(context: Context, text: string): void {
  note(context, `warning: ${text}`);
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
