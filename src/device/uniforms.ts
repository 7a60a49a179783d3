import { writeUniforms, type BindingRecord } from './binding.ts';

/** Dispatches whose uniforms fit into the ring at once. */
export const RING_SLOTS = 128;

/** What the uniforms of one dispatch are made of. */
interface Uniforms {
  readonly kernel: { readonly spec: { readonly bindings: BindingRecord } };
  readonly sizes: ReadonlyMap<string, number>;
  readonly values: Readonly<Record<string, number>>;
}

// The numbers of GPUBufferUsage, which is a global only where there is WebGPU.
const COPY_DST = 0x08;
const UNIFORM = 0x40;

/** A small uniform buffer that dispatches fill in turn, instead of one buffer each. */
export class UniformRing {
  readonly buffer: GPUBuffer;
  private readonly queue: GPUQueue;
  private readonly slot: number;
  private readonly bytes: ArrayBuffer;
  private next = 0;

  constructor(device: GPUDevice) {
    this.queue = device.queue;
    this.slot = Math.max(256, device.limits.minUniformBufferOffsetAlignment);
    const size = this.slot * RING_SLOTS;
    this.bytes = new ArrayBuffer(size);
    this.buffer = device.createBuffer({ label: 'uniforms', size, usage: UNIFORM | COPY_DST });
  }

  /** Writes the uniforms of up to `RING_SLOTS` steps in one go; the queue keeps it behind what still reads the slots. */
  write(steps: readonly Uniforms[]): number[] {
    if (this.next + steps.length > RING_SLOTS) this.next = 0;
    const first = this.next * this.slot;
    const view = new DataView(this.bytes);
    const offsets = steps.map(({ kernel, sizes, values }, index) => {
      const offset = first + index * this.slot;
      writeUniforms(kernel.spec.bindings, sizes, values, view, offset);
      return offset;
    });
    this.queue.writeBuffer(this.buffer, first, this.bytes, first, steps.length * this.slot);
    this.next += steps.length;
    return offsets;
  }
}
