/** Several messages at once make one request. */

const QUIET_MS = 400;

/** Calls `work` a moment after the first call of the returned function; calls in between change nothing. */
export function soon(work: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      work();
    }, QUIET_MS);
  };
}
