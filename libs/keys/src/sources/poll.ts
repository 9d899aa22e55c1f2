const POLL_MS = 2_000;

/**
 * Looks every two seconds whether the keys of a source may have changed. Polling and not file events: a mounted
 * Kubernetes Secret is changed by swapping a link that lies beside the file, and network file systems send none.
 * A look that fails is repeated: it says nothing about the keys.
 */
export function poll(hasChanged: () => Promise<boolean>, changed: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const look = async (): Promise<void> => {
    const news = await hasChanged().catch(() => false);
    // Ended while it looked.
    if (ended) return;
    if (news) changed();
    next();
  };
  const next = (): void => {
    timer = setTimeout(() => void look(), POLL_MS);
    timer.unref();
  };
  next();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
