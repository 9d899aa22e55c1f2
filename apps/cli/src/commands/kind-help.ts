export const KIND_HELP = `
Kinds: environment (env), agent (agt), agent-instance (ain), workflow (wfl), workflow-instance (win),
session (ses), agent-execution (aex), workflow-execution (wex), execution-context (exec).`;
