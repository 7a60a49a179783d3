import { expose } from 'comlink';
import { afterEach, expect, test, vi } from 'vitest';
import type { EngineApi } from '../../src/worker/api.ts';
import { EngineClient } from '../../src/worker/client.ts';
import { packEngine } from '../../src/worker/wire.ts';
import { expectFault } from '../support/faults.ts';

afterEach(() => vi.unstubAllGlobals());

/** A client whose worker writes down what it is asked, and reads its messages when `begin` is called. */
function startClient() {
  const asked: string[] = [];
  const { port1, port2 } = new MessageChannel();
  const answer = (name: string) => () => {
    asked.push(name);
    return Promise.resolve(null);
  };
  const engine = new Proxy({}, { get: (_, name) => answer(String(name)) }) as EngineApi;
  // What waits in a port is delivered once somebody listens, as with a worker whose script still loads.
  const worker = Object.assign(port1, { terminate: () => port1.close() });
  vi.stubGlobal('Worker', function () {
    return worker;
  });
  vi.stubGlobal('sessionStorage', { getItem: () => null, setItem: () => undefined });
  const client = new EngineClient(vi.fn(), vi.fn());
  return { client, asked, begin: () => expose(packEngine(engine), port2) };
}

test('a call that is stopped while the worker starts is never made', async () => {
  const { client, asked, begin } = startClient();
  const stop = new AbortController();
  const opening = expectFault(() => client.open('auto', { signal: stop.signal }), 'aborted');
  stop.abort();
  await opening;
  begin();
  await client.tokenize('overtakes what waited for the worker');
  await client.tokenize('the next call');
  expect(asked.filter((name) => name !== 'abort')).toEqual(['listen', 'tokenize', 'tokenize']);
  client.dispose();
});

test('nor is one that is stopped as soon as it was made', async () => {
  const { client, asked, begin } = startClient();
  begin();
  await client.tokenize('the worker is there');
  const stop = new AbortController();
  const predicting = expectFault(() => client.predict('a', 'edited', 3, { signal: stop.signal }), 'aborted');
  stop.abort();
  await predicting;
  await client.tokenize('the next call');
  expect(asked.filter((name) => name !== 'abort')).toEqual(['listen', 'tokenize', 'tokenize']);
  client.dispose();
});
