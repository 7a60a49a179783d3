// Starts the benchmark's worker and prints what it says.
const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }: MessageEvent<{ line?: string; done?: boolean; failed?: boolean }>) => {
  if (data.line !== undefined) console.log(data.line);
  if (data.done) document.title = 'done';
  if (data.failed) document.title = 'failed';
};
worker.onerror = (event) => {
  console.log(`the worker stopped: ${event.message}`);
  document.title = 'failed';
};
worker.postMessage(location.hash.slice(1).split(',').filter(Boolean));
