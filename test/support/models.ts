import type { Device } from '../../src/device/device.ts';
import { diskSource } from '../../src/headless/disk.ts';
import { loadModel } from '../../src/model/load.ts';
import type { Model } from '../../src/model/model.ts';
import { testDevice } from './device.ts';
import { fixture } from './shared.ts';
import { SHIPPED } from './shipped.ts';

/** A fixture's model on ORT's WASM in this process. */
export async function fixtureModel(name: string, float: 'float32' | 'float64' = 'float32'): Promise<Model> {
  return loadFixture(name, await testDevice(float));
}

/** A fixture's model on any device. */
export function loadFixture(name: string, device: Device): Promise<Model> {
  return loadModel(diskSource(fixture(`models/${name}`)), device);
}

/** The model that ships, on ORT's WASM in this process. */
export async function shippedModel(float: 'float32' | 'float64' = 'float32'): Promise<Model> {
  return loadShipped(await testDevice(float));
}

/** The model that ships, on any device. */
export function loadShipped(device: Device): Promise<Model> {
  return loadModel(diskSource(SHIPPED), device);
}
