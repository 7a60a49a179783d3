/** Free buffers are kept up to this many bytes; beyond, those whose size was unused for longest go first. */
const KEPT_BYTES = 256 * 2 ** 20;

/** WebGPU's storage bindings come in fours and ONNX Runtime rounds to 16; a tensor of size zero still needs a buffer. */
const GRANULE = 16;

/**
 * Keeps GPU buffers that were let go for the next tensor of the same size, so that a loop allocates in its first
 * turn only. Reuse is safe at once, without waiting for the GPU: the queue runs what is submitted in order.
 */
export class BufferPool {
  /** Buffers made so far: stands still once a loop has warmed up. */
  allocations = 0;
  /** Bytes of the buffers that are in use. */
  usedBytes = 0;
  /** Bytes of the buffers that wait. */
  keptBytes = 0;

  private readonly device: GPUDevice;
  private readonly made = new WeakSet<GPUBuffer>();
  /** By size and usage; the key used last is at the end. */
  private readonly kept = new Map<string, GPUBuffer[]>();

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** A buffer of exactly `paddedSize(bytes)` bytes, its content undefined. */
  take(bytes: number, usage: GPUBufferUsageFlags, label: string): GPUBuffer {
    const size = paddedSize(bytes);
    this.usedBytes += size;
    const buffer = this.kept.get(keyOf(size, usage))?.pop();
    if (!buffer) {
      this.allocations += 1;
      const made = this.device.createBuffer({ size, usage, label });
      this.made.add(made);
      return made;
    }
    this.keptBytes -= size;
    buffer.label = label;
    return buffer;
  }

  /** Lets go of a buffer that `take` gave. */
  give(buffer: GPUBuffer): void {
    this.usedBytes -= buffer.size;
    this.keptBytes += buffer.size;
    const key = keyOf(buffer.size, buffer.usage);
    const same = this.kept.get(key) ?? [];
    same.push(buffer);
    this.kept.delete(key);
    this.kept.set(key, same);
    this.shrink(KEPT_BYTES);
  }

  /** Whether a buffer is one of ours, and will be used again, rather than ONNX Runtime's. */
  owns(buffer: GPUBuffer): boolean {
    return this.made.has(buffer);
  }

  /** Destroys all that waits: after a model was closed, say. */
  trim(): void {
    this.shrink(0);
  }

  private shrink(limit: number): void {
    for (const [key, buffers] of this.kept) {
      while (this.keptBytes > limit) {
        const buffer = buffers.pop();
        if (!buffer) break;
        this.keptBytes -= buffer.size;
        buffer.destroy();
      }
      if (buffers.length > 0) return;
      this.kept.delete(key);
    }
  }
}

/** Bytes rounded up to what a buffer is made in; never 0. */
export function paddedSize(bytes: number): number {
  return Math.max(GRANULE, Math.ceil(bytes / GRANULE) * GRANULE);
}

// ---

function keyOf(size: number, usage: GPUBufferUsageFlags): string {
  return `${size}/${usage}`;
}
