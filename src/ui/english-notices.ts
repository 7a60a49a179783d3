import type { Messages } from './messages.ts';

/** What the page tells unasked, in English. */
export const englishNotices: Messages['notice'] = {
  died: (lost) =>
    `The part that computes stopped, most likely because memory ran out. It is starting again; finished edits are kept.${lost === null ? '' : ` The edit “${lost}” was running.`}`,
  restarted: (lost) =>
    `The model is open again, and your edits with it.${lost === null ? '' : ` The edit “${lost}” was not finished: it can be made again below.`}`,
  restartedSaved:
    'The model is open again. The edit that was running had been written and saved; only its check is made again.',
  deviceLost: (stopped) =>
    `The graphics device went away, and the model is being opened again; ${
      {
        edit: 'your edits stay. The one that was running has stopped: unless it was written already, it can be made again below.',
        locate:
          'your edits stay. What was being traced or measured has stopped: what has come of it stays, the rest can be computed when the model is back.',
        none: 'nothing needs to be done again.',
      }[stopped ?? 'none']
    }`,
  deviceRebuilt: (stopped) =>
    stopped
      ? 'The model is back. What was being traced or measured was not finished: start it again for the rest.'
      : 'The model is back.',
  deviceFailed:
    'The graphics device went away, and the model could not be opened again. The first step says why, and what can be done.',
  notKept: (found, advice) =>
    `From here on nothing is kept beyond this tab: ${found}. Everything goes on from memory; ${advice}.`,
  storeBlocked: 'Another tab shows an older version of this page and holds the store. Close it, and this one goes on.',
  earlierModel: (moment) =>
    `This page comes with a new version of the model, which cannot be fetched right now. It works with the one from ${moment}, and your edits on that; the new one comes when the page is opened with a network.`,
  renewedModel: (edits) =>
    `The model is a new version. ${edits === 1 ? 'One edit was' : `${edits} edits were`} made on the one before: kept, but not at work here.`,
  oneThread:
    'Neither this host nor this browser isolates the page, so the CPU works with one thread: everything works, but slower.',
  update: 'A new version is ready. It waits until you choose; your words and edits stay.',
  updateNow: 'Update now',
  heldBack: {
    unmade: 'Until the edits under way are made and kept, it cannot be chosen.',
    unkept:
      'The edits here are in this tab’s memory alone, though, and would be lost: until they are taken off, it cannot be chosen.',
  },
  label: 'Notices',
};
