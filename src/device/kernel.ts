import { EditorError, invariant } from '../base/errors.ts';
import { memoize } from '../base/tasks.ts';
import { BYTES, sizeOf } from '../base/tensor.ts';
import {
  resolveSizes,
  storageBindings,
  uniformBytes,
  type BindingRecord,
  type TensorsOf,
  type ValuesOf,
} from './binding.ts';
import { lostError, type Gpu } from './gpu.ts';
import type { DeviceTensor } from './memory.ts';
import { paddedSize } from './pool.ts';
import { RING_SLOTS, UniformRing } from './uniforms.ts';

/** A kernel as data: WGSL text and what it binds. One constant per entry point; several may share a file. */
export interface KernelSpec<B extends BindingRecord = BindingRecord> {
  /** File in `shaders/`, for messages. */
  readonly file: string;
  /** The WGSL text, imported with `?raw`. */
  readonly source: string;
  readonly entry: string;
  readonly bindings: B;
}

/** A compiled kernel. */
export interface Kernel<B extends BindingRecord = BindingRecord> {
  readonly spec: KernelSpec<B>;
  readonly gpu: Gpu;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** One dispatch, checked and ready to be submitted. */
export interface Step {
  readonly kernel: Kernel;
  readonly group: GPUBindGroup;
  readonly sizes: ReadonlyMap<string, number>;
  readonly values: Readonly<Record<string, number>>;
  readonly grid: Grid;
}

/** Workgroups along x, y, z. */
export type Grid = readonly [x: number, y?: number, z?: number];

/**
 * Compiles a kernel, once per device and spec.
 *
 * @throws EditorError `shader` with the compiler's message and the line of the source that it means
 */
export function createKernel<B extends BindingRecord>(gpu: Gpu, spec: KernelSpec<B>): Promise<Kernel<B>> {
  return stateOf(gpu).kernel(spec) as Promise<Kernel<BindingRecord>> as Promise<Kernel<B>>;
}

/** Runs one kernel: `prepare` and `submit` in one call. */
export function dispatch<B extends BindingRecord>(
  kernel: Kernel<B>,
  tensors: TensorsOf<B>,
  values: ValuesOf<B>,
  grid: Grid,
): void {
  submit(kernel.gpu, [prepare(kernel, tensors, values, grid)]);
}

/**
 * Checks the tensors against the binding record and binds them.
 *
 * @throws EditorError `internal` for a type or shape that the kernel doesn't take, or a grid that no device runs;
 *   `out-of-memory` when a tensor is larger than what the device can bind
 */
export function prepare<B extends BindingRecord>(
  kernel: Kernel<B>,
  tensors: TensorsOf<B>,
  values: ValuesOf<B>,
  grid: Grid,
): Step {
  const { spec, gpu } = kernel;
  const sizes = resolveSizes(nameOf(spec), spec.bindings, tensors);
  const most = gpu.limits.maxComputeWorkgroupsPerDimension;
  invariant(
    grid.every((count) => count !== undefined && count <= most),
    `run kernel ${nameOf(spec)}`,
    `its grid is ${grid.join(' × ')} workgroups, and the device runs ${most} along an axis (fold it with foldGrid)`,
  );
  const plain = kernel as unknown as Kernel;
  return { kernel: plain, group: bind(plain, tensors), sizes, values, grid };
}

/**
 * Submits dispatches, in order, as one piece of work for the GPU (more when there are very many). Each sees what
 * those before it wrote.
 *
 * @throws EditorError `device-lost`
 */
export function submit(gpu: Gpu, steps: readonly Step[]): void {
  if (gpu.isLost) throw lostError('run kernels');
  const { ring } = stateOf(gpu);
  const due = steps.filter(({ grid }) => grid.every((count) => count !== 0));
  for (let from = 0; from < due.length; from += RING_SLOTS) {
    const part = due.slice(from, from + RING_SLOTS);
    const offsets = ring.write(part);
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const [index, { kernel, group, grid }] of part.entries()) {
      pass.setPipeline(kernel.pipeline);
      pass.setBindGroup(0, group, [offsets[index]]);
      pass.dispatchWorkgroups(...grid);
    }
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
  }
  for (const { kernel } of due) {
    const name = nameOf(kernel.spec);
    gpu.dispatches.set(name, (gpu.dispatches.get(name) ?? 0) + 1);
  }
}

/**
 * A one-dimensional grid of any length, folded into rows because a device runs at most 65,535 workgroups along an
 * axis. The shader unfolds it: `workgroup_id.x + workgroup_id.y * num_workgroups.x`, and ignores the surplus.
 */
export function foldGrid(gpu: Gpu, count: number): Grid {
  const most = gpu.limits.maxComputeWorkgroupsPerDimension;
  const rows = Math.ceil(count / most);
  return rows === 0 ? [0, 0] : [Math.ceil(count / rows), rows];
}

// ---

/** Bind groups that a device keeps: those of a loop's kernels, so that its turns make none. */
const KEPT_GROUPS = 256;

// GPUShaderStage.COMPUTE, a global only where there is WebGPU.
const COMPUTE = 0x4;

/** What kernels keep per device. */
interface KernelState {
  readonly kernel: (spec: KernelSpec) => Promise<Kernel>;
  readonly ring: UniformRing;
  readonly groups: Map<string, GPUBindGroup>;
}

const states = new WeakMap<Gpu, KernelState>();

function stateOf(gpu: Gpu): KernelState {
  let state = states.get(gpu);
  if (!state) {
    const ring = new UniformRing(gpu.device);
    state = { kernel: memoize((spec: KernelSpec) => compile(gpu, spec)), ring, groups: new Map() };
    states.set(gpu, state);
  }
  return state;
}

function nameOf({ file, entry }: KernelSpec): string {
  return `${file.replace(/\.wgsl$/, '')}.${entry}`;
}

async function compile(gpu: Gpu, spec: KernelSpec): Promise<Kernel> {
  const { device } = gpu;
  if (gpu.isLost) throw lostError(`compile ${spec.file}`);
  const label = nameOf(spec);
  // The scope is closed before anything is awaited: scopes are a stack, and others use the device in the meantime.
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label, code: spec.source });
  const fault = device.popErrorScope();
  const { messages } = await module.getCompilationInfo();
  const error = messages.find(({ type }) => type === 'error');
  if (error) throw shaderError(spec, error);
  const invalid = await fault;
  if (invalid) throw pipelineError(spec, invalid.message);
  const layout = device.createBindGroupLayout({
    label,
    entries: Object.values(spec.bindings).map(({ access }, binding) => ({
      binding,
      visibility: COMPUTE,
      buffer:
        access === 'uniform'
          ? { type: 'uniform', hasDynamicOffset: true }
          : { type: access === 'read' ? 'read-only-storage' : 'storage' },
    })),
  });
  try {
    const pipeline = await device.createComputePipelineAsync({
      label,
      layout: device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: spec.entry },
    });
    return { spec, gpu, pipeline, layout };
  } catch (reason) {
    if (gpu.isLost) throw lostError(`compile ${spec.file}`);
    throw pipelineError(spec, reason instanceof Error ? reason.message : String(reason));
  }
}

function shaderError({ file, source }: KernelSpec, { lineNum, linePos, message }: GPUCompilationMessage): EditorError {
  const text = source.split('\n').at(lineNum - 1) ?? '';
  const caret = `${' '.repeat(Math.max(0, linePos - 1))}^`;
  return new EditorError(
    'shader',
    `compile ${file}`,
    `line ${lineNum}: ${message}\n  ${text}\n  ${caret}\n`,
    'this GPU may lack a feature: use CPU mode and report the line',
    { file, line: lineNum, column: linePos, message, source: text },
  );
}

function pipelineError({ file, entry }: KernelSpec, message: string): EditorError {
  const advice = 'this GPU may lack a feature: use CPU mode and report the message';
  return new EditorError('shader', `build ${entry} of ${file}`, message.trim(), advice, { file, entry, message });
}

/**
 * The bind group of these buffers: kept when all are from the pool, because a loop gets the same ones in every turn.
 * A group with a buffer of ONNX Runtime's would keep that alive after ONNX Runtime let go of it.
 */
function bind(kernel: Kernel, tensors: Readonly<Record<string, DeviceTensor>>): GPUBindGroup {
  const { spec, gpu, layout } = kernel;
  const { groups, ring } = stateOf(gpu);
  const what = `run kernel ${nameOf(spec)}`;
  const bound = storageBindings(spec.bindings).map(([name, { dtype }], index) => {
    const { buffer, shape } = tensors[name];
    invariant(buffer, what, `${name} is not on the GPU`);
    // The whole buffer where the device can bind it: then tensors of several sizes in one buffer share a bind group.
    const bytes = Math.min(paddedSize(sizeOf(shape) * BYTES[dtype]), buffer.size);
    gpu.demand('maxStorageBufferBindingSize', bytes, what);
    const size = buffer.size <= gpu.limits.maxStorageBufferBindingSize ? buffer.size : bytes;
    return { binding: index + 1, resource: { buffer, size } };
  });
  const uniforms = { binding: 0, resource: { buffer: ring.buffer, size: paddedSize(uniformBytes(spec.bindings)) } };
  const create = () => gpu.device.createBindGroup({ label: nameOf(spec), layout, entries: [uniforms, ...bound] });
  if (!bound.every(({ resource }) => gpu.pool.owns(resource.buffer))) return create();
  const key = [idOf(kernel), ...bound.map(({ resource }) => `${idOf(resource.buffer)}:${resource.size}`)].join(' ');
  const group = groups.get(key) ?? create();
  // Back to the end: the order of the map is the order of use, and what was used longest ago goes first.
  groups.delete(key);
  groups.set(key, group);
  for (const oldest of groups.keys()) {
    if (groups.size <= KEPT_GROUPS) break;
    groups.delete(oldest);
  }
  return group;
}

const ids = new WeakMap<object, number>();
let lastId = 0;

/** A number for each object, for keys. */
function idOf(thing: object): number {
  const id = ids.get(thing) ?? ++lastId;
  ids.set(thing, id);
  return id;
}
