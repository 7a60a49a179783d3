import { throttle, type Progress } from '../base/tasks.ts';
import type { FileStore } from './files.ts';

/** A file store that tells how far its downloads are to the tabs that wait for them. */
export interface SharedStore extends FileStore {
  /** Ends the telling and the hearing. */
  close(): void;
}

/**
 * One tab downloads a file, the others wait until it is there: this lets them show how far it is.
 *
 * @param hear told of downloads in other tabs, as long as this one has none
 */
export function shareDownloads(store: FileStore, hear: (progress: Progress) => void): SharedStore {
  const channel = new BroadcastChannel('palimpsest downloads');
  const tell = throttle((progress) => isOpen && channel.postMessage(progress), 100);
  let isOpen = true;
  let isDownloading = false;
  channel.onmessage = ({ data }) => !isDownloading && hear(data as Progress);
  return {
    ...store,
    async write(key, expected) {
      const writer = await store.write(key, expected);
      return Object.assign(Object.create(writer) as typeof writer, {
        append: async (bytes: Parameters<typeof writer.append>[0]) => {
          isDownloading = true;
          await writer.append(bytes);
          const { received: done, bytes: total } = writer;
          tell({ stage: 'download', done, total: total ?? 0, unit: 'bytes' });
        },
        finish: () => {
          isDownloading = false;
          return writer.finish();
        },
      });
    },
    close() {
      isOpen = false;
      channel.close();
    },
  };
}
