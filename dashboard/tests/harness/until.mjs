// Waiting for what must come, with a deadline.

const PATIENCE_MS = 30_000;

export async function until(what, condition, patienceMs = PATIENCE_MS) {
  // The clock on the wall may be set meanwhile.
  const deadline = performance.now() + patienceMs;
  let last;
  for (;;) {
    try {
      const found = await condition();
      if (found) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
