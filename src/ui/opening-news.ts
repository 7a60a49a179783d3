import type { Opened } from '../worker/api.ts';
import type { Language } from './language.svelte.ts';

/**
 * What has to be told of a model that has just been opened; empty when all is as a person expects it.
 *
 * @param isFirst this page has opened none before
 */
export function newsOf(opened: Opened, isFirst: boolean, { say: { notice }, figures }: Language): string {
  const { device, elsewhere, model } = opened;
  const isRenewed = model.earlier === null && model.from === 'network';
  return [
    ...(model.earlier === null ? [] : [notice.earlierModel(figures.moment(model.earlier))]),
    ...(isRenewed && elsewhere > 0 ? [notice.renewedModel(elsewhere)] : []),
    ...(isFirst && device.kind === 'wasm' && !device.isolated ? [notice.oneThread] : []),
  ].join(' ');
}
