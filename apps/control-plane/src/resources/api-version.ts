/** What every resource of this API group carries. */
export const API_VERSION = 'agentic.stigmer.ai/v1';
