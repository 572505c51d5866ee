/** Rate limiting for requests that live messages trigger. */

const INTERVAL_MS = 400;

/** Returns a function that runs `work` once, 400 ms after the first of any number of calls. */
export function throttle(work: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      work();
    }, INTERVAL_MS);
  };
}
