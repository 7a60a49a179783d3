import { throttle, type Progress, type Watch } from '../base/tasks.ts';
import type { Device } from '../device/device.ts';
import { loadModel } from '../model/load.ts';
import type { Model } from '../model/model.ts';
import { numberOf, textOf, type Arguments } from './arguments.ts';
import { diskSource } from './disk.ts';
import { openNodeDevice } from './runtime.ts';

/** Where a command writes. */
export interface Output {
  /** One result, as one JSON line on stdout. */
  line(result: unknown): void;
  /** One report, as one line on stderr. */
  progress(report: Progress): void;
}

/** Progress of a command, at most ten lines a second. */
export function watchOf(output: Output): Watch {
  return { progress: throttle((report) => output.progress(report), 100) };
}

/** The model that `--model` names, on the device that `--device` names. */
export async function openModel(args: Arguments, output: Output): Promise<Model> {
  const threads = numberOf(args, 'threads', 1, 1, 64);
  const device: Device = await openNodeDevice(textOf(args, 'device', 'wasm'), threads);
  return loadModel(diskSource(textOf(args, 'model')), device, watchOf(output));
}
