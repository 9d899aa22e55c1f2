/** The virtual environment to take the servers from, where it is not the `.venv` of the repository. */
export function configuredVenv(): string | undefined {
  return process.env['STIGMER_VENV'] ?? undefined;
}

/** What a backing server may see of our environment: enough to run, nothing that was meant for another process. */
export function serverEnvironment(home: string): NodeJS.ProcessEnv {
  const { PATH, LANG, TZ } = process.env;
  return { PATH, LANG, TZ, HOME: home };
}
