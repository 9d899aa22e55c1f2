const POLL_MS = 2_000;

/**
 * Looks every two seconds whether the keys of a source may have changed. Polling and not file events: a mounted
 * Kubernetes Secret is changed by swapping a link that lies beside the file, and network file systems send none.
 * A look that fails counts as a change, so that `load` is asked and says what is wrong.
 */
export function poll(
  hasChanged: () => Promise<boolean>,
  changed: () => void,
  intervalMs = POLL_MS,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const look = async (): Promise<void> => {
    const news = await hasChanged().catch(() => true);
    // Ended while it looked.
    if (ended) return;
    if (news) changed();
    next();
  };
  const next = (): void => {
    timer = setTimeout(() => void look(), intervalMs);
    timer.unref();
  };
  next();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
