/** Anything that must be let go at the end. */
interface Owned {
  dispose(): void;
}

/** What `scope` hands to its body. */
export interface Scope {
  /** Disposes `tensor` when the scope ends; returns it. */
  add<T extends Owned>(tensor: T): T;
  /** Takes `tensor` out again, so that it outlives the scope; returns it. */
  release<T extends Owned>(tensor: T): T;
}

/** Runs `body` and disposes everything that was added to its scope, also when it throws. */
export async function scope<T>(body: (s: Scope) => Promise<T>): Promise<T> {
  const owned = new Set<Owned>();
  try {
    return await body({
      add(tensor) {
        owned.add(tensor);
        return tensor;
      },
      release(tensor) {
        owned.delete(tensor);
        return tensor;
      },
    });
  } finally {
    for (const tensor of owned) tensor.dispose();
  }
}
