import 'fake-indexeddb/auto';
import { beforeAll, describe, expect, test } from 'vitest';
import { EditorError } from '../../src/base/errors.ts';
import type { Progress } from '../../src/base/tasks.ts';
import { f64, type Tensor } from '../../src/base/tensor.ts';
import { makeCovariances, type Covariances } from '../../src/edit/covariance.ts';
import { NO_HISTORY } from '../../src/edit/history.ts';
import { listEditIds, loadEdit, saveEdit } from '../../src/edit/library.ts';
import type { Edit } from '../../src/edit/record.ts';
import { readHparams } from '../../src/edit/read-hparams.ts';
import { validateRequests } from '../../src/edit/request.ts';
import type { Model } from '../../src/model/model.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { restoreStack, type EditStack, type StackStudio } from '../../src/worker/stack.ts';
import { expectFault } from '../support/faults.ts';
import { arrange, idsOf } from '../support/kept-edit.ts';
import { readLinesFile } from '../support/files.ts';
import { shippedModel } from '../support/models.ts';
import { SHIPPED } from '../support/shipped.ts';

const heldOut = readLinesFile(`${SHIPPED}/heldout.txt`).slice(0, 2);
let model: Model;
let covariances: Covariances;
let names = 0;

beforeAll(async () => {
  model = await shippedModel();
  // White keys: which statistics there are is nothing to a stack.
  const { d_model, d_mlp } = model.description;
  const given = new Map([
    ['attn.6', identity(d_model)],
    ['mlp.6', identity(d_mlp)],
  ]);
  covariances = makeCovariances(model, null, null, given);
});

/** A tab: its own connection to the database that it shares. */
async function openTab(name: string, tab = 'one', onChange: () => void = () => undefined) {
  const database = await openDatabase(name);
  const studio: StackStudio = { model, database, heldOut };
  const stack = await restoreStack(studio, tab, onChange);
  return { stack, database };
}

const entry = (id: string, alpha = 1) => ({ id, on: true, alpha });

/** The smallest edit there is: one step, no prefixes, two sites. It need not take. */
async function makeEdit(stack: EditStack, onVerify: () => unknown, replaces?: string, onLater?: () => void) {
  const { hparams, preset } = readHparams(
    'dem+',
    { steps: 1, prefixes: 0, layerRule: 'fixed', mlpLayers: [6], attnLayers: [6] },
    model.description.n_layers,
  );
  const controller = new AbortController();
  let waited: Promise<unknown> = Promise.resolve();
  const progress = ({ stage, done }: Progress) => {
    if (stage === 'verify' && done > 0) onLater?.();
    if (stage !== 'verify' || done !== 0) return;
    waited = (async () => onVerify())().catch(() => controller.abort());
  };
  const input = {
    requests: validateRequests({ prompt: 'The baker opens the', target: 'old blue door' }),
    ...{ method: 'dem+' as const, preset, hparams },
    ...{ covariances, heldOut },
  };
  try {
    return await stack.make(input, { progress, signal: controller.signal }, replaces);
  } finally {
    await waited;
  }
}

/** Copies the one edit that is kept under further names, as if it had been made again. */
async function copyEdit(database: Database, ids: readonly string[]): Promise<void> {
  const [first] = await listEditIds(database);
  const edit = await loadEdit(database, first);
  for (const [i, id] of ids.entries()) if (edit) await saveEdit(database, { ...edit, id, createdAt: 10 + i });
}

describe('an edit', () => {
  test('is kept as soon as it is solved, and checked by the next tab when this one ends before', async () => {
    const first = await openTab(`stack ${names++}`);
    let seen: unknown;
    const made = await makeEdit(first.stack, async () => {
      // What a tab that ends now leaves behind, under another name: this one lives on, and its own would wait for it.
      const [id] = await listEditIds(first.database);
      const next = await openTab(`stack ${names++}`, 'two');
      await saveEdit(next.database, { ...((await loadEdit(first.database, id)) as Edit), id: 'left' });
      await next.stack.reread();
      const [cut] = next.stack.views();
      expect(cut.proof.requests).toEqual([]);
      expect(cut.proof.sites.length).toBeGreaterThan(0);
      expect(await next.stack.finishCheck({})).toBe(true);
      seen = next.stack.views()[0];
      expect(await next.stack.finishCheck({})).toBe(false);
      next.stack.dispose();
    });
    expect(seen).toEqual({ ...made, id: 'left' });
    expect(made.proof.requests.length).toBe(1);
    first.stack.dispose();
  });

  test('whose check fails is kept, and said to be unchecked', async () => {
    let heard = 0;
    const { stack, database } = await openTab(`stack ${names++}`, 'one', () => void (heard += 1));
    const fail = () => {
      throw new EditorError('out-of-memory', 'check', 'its memory is full', 'close other tabs');
    };
    const old = await makeEdit(stack, () => undefined);
    await expectFault(() => makeEdit(stack, () => undefined, old.id, fail), 'out-of-memory');
    const [id] = stack.views().map((edit) => edit.id);
    expect([id === old.id, idsOf(stack)]).toEqual([false, [`${id} 1`]]);
    expect(stack.views()[0].proof.requests).toEqual([]);
    expect(await listEditIds(database)).toContain(id);
    expect(heard).toBe(1);
    // Another one that can't be checked at all keeps nobody from checking this one.
    await saveEdit(database, { ...((await loadEdit(database, id)) as Edit), id: 'bad', createdAt: 1, requests: [] });
    await stack.reread();
    await arrange(stack, [entry('bad'), entry(id)]);
    expect(idsOf(stack)).toEqual(['bad 1', `${id} 1`]);
    expect([await stack.finishCheck({}), await stack.finishCheck({}), await stack.finishCheck({})]).toEqual([
      ...[true, true, false],
    ]);
    expect(stack.views().map(({ proof }) => proof.requests.length)).toEqual([0, 1]);
    stack.dispose();
  });

  test('that is stopped while it is checked leaves nothing behind', async () => {
    const { stack, database } = await openTab(`stack ${names++}`);
    const stop = () => {
      throw new Error('stop');
    };
    await expectFault(() => makeEdit(stack, stop), 'aborted');
    expect(stack.views()).toEqual([]);
    expect(await listEditIds(database)).toEqual([]);
    stack.dispose();
  });
});

describe('an edit that is made again', () => {
  test('is computed without the old one, takes its place, and can be exchanged for it again', async () => {
    const { stack, database } = await openTab(`stack ${names++}`);
    const old = await makeEdit(stack, () => undefined);
    await copyEdit(database, ['a']);
    await stack.reread();
    const made = await makeEdit(stack, () => expect(idsOf(stack)).toEqual([`${old.id} 1`, 'a 1']), old.id);
    expect(made.parents.map(({ id }) => id)).toEqual(['a']);
    expect(idsOf(stack)).toEqual([`${made.id} 1`, 'a 1']);
    // The old one stays, so that it can be put back.
    expect(await listEditIds(database)).toEqual(['a', made.id, old.id].sort());

    const [, other] = stack.views();
    await stack.arrange({ entries: [old, other], gone: [made.id], history: NO_HISTORY });
    expect(idsOf(stack)).toEqual([`${old.id} 1`, 'a 1']);
    expect(stack.views()[0]).toEqual({ ...old, stale: false });
    expect(await listEditIds(database)).toEqual(['a', old.id].sort());
    stack.dispose();
  });

  test('leaves the old one alone when it is stopped', async () => {
    const { stack, database } = await openTab(`stack ${names++}`);
    const old = await makeEdit(stack, () => undefined);
    const stop = () => {
      throw new Error('stop');
    };
    await expectFault(() => makeEdit(stack, stop, old.id), 'aborted');
    expect(idsOf(stack)).toEqual([`${old.id} 1`]);
    expect(await listEditIds(database)).toEqual([old.id]);
    stack.dispose();
  });
});

test('what is arranged counts before it is kept, and whatever else is kept meanwhile', async () => {
  const { stack } = await openTab(`stack ${names++}`);
  const { id } = await makeEdit(stack, () => undefined);
  const placed = stack.patches();
  const kept = arrange(stack, [entry(id, 0.5)]);
  expect(idsOf(stack)).toEqual([`${id} 0.5`]);
  expect(stack.patches()).not.toBe(placed);
  const halved = stack.patches();
  await Promise.all([stack.reread(), kept]);
  expect(idsOf(stack)).toEqual([`${id} 0.5`]);
  // The same edits at the same doses lie on the device already.
  expect(stack.patches()).toBe(halved);
  stack.dispose();
});

// ---

function identity(n: number): Tensor<'float64'> {
  const data = new Float64Array(n * n);
  for (let i = 0; i < n; i++) data[i * (n + 1)] = 1;
  return f64(data, [n, n]);
}
