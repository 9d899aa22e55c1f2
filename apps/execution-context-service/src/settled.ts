import type { ContextDocument } from './context-document';
import type { ContextContent, ContextSeal } from './context-seal';
import type { ContextStore } from './contexts.store';

/**
 * Makes sure of a context that was just written. Where the write took so long that another replica may have destroyed
 * the epoch's key meanwhile, not knowing of the context, it is sealed once more under the key of the moment.
 */
export async function settled(
  { store, seal }: { readonly store: ContextStore; readonly seal: ContextSeal },
  written: ContextDocument,
  content: ContextContent,
): Promise<void> {
  let before = written;
  while (seal.cameLate(before.crypto)) {
    const after = { ...before, ...(await seal.seal(before, content)) };
    // Whoever has renewed, replaced or destroyed it since has seen to it.
    if (!(await store.update(before, after))) return;
    before = after;
  }
}
