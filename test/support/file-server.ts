import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a server treats one request. Without any, it answers as a good static host: ranges, lengths, an ETag. */
export interface Behavior {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent in place of the file, whole. */
  readonly body?: string;
  /** Served in place of the file, in the same manner. */
  readonly file?: Uint8Array;
  /** The connection breaks after this share of the bytes asked for. */
  readonly cutAt?: number;
  /** When it breaks: bytes that the client hasn't taken by then are lost. Without it, after a moment. */
  readonly cutAfter?: Promise<unknown>;
  /** Ranges are ignored. */
  readonly noRange?: boolean;
  /** Lengths and ETag aren't told. */
  readonly mute?: boolean;
  /** Nothing comes after the headers. */
  readonly stall?: boolean;
  readonly etag?: string;
}

/** A real HTTP server on localhost. */
export interface FileServer {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  /** What was asked for, as "path range". */
  readonly asked: string[];
  /** One for each coming request, used up in order; then every request is answered well. */
  readonly behaviors: Behavior[];
  close(): Promise<void>;
}

/**
 * Serves files from memory; the map may change while it runs. Knows the types of a plain old host: pages, scripts and
 * styles, but neither modules (`.mjs`) nor WebAssembly.
 *
 * @param port where it listens; without it, where nobody else does
 */
export async function startFileServer(files: ReadonlyMap<string, Uint8Array>, port = 0): Promise<FileServer> {
  const asked: string[] = [];
  const behaviors: Behavior[] = [];
  const server = createServer((request, response) => {
    const [address, question] = (request.url ?? '/').slice(1).split('?');
    const path = decodeURIComponent(address);
    asked.push(`${path}${question ? `?${question}` : ''} ${request.headers.range ?? ''}`.trim());
    const behavior = behaviors.shift() ?? {};
    answer(path, behavior.file ?? files.get(path), behavior, request, response);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    behaviors,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

// ---

const TYPES: readonly [RegExp, string][] = [
  [/(\.html|\/)$/, 'text/html'],
  [/\.js$/, 'text/javascript'],
  [/\.css$/, 'text/css'],
];

function answer(
  path: string,
  file: Uint8Array | undefined,
  { status, headers = {}, body, cutAt, cutAfter, noRange, mute, stall, etag = '"one"' }: Behavior,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (body !== undefined || file === undefined || (status ?? 200) >= 400) {
    response.writeHead(status ?? (body === undefined ? 404 : 200), headers).end(body ?? 'nothing here');
    return;
  }
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const ranged = from !== undefined && !noRange;
  const start = ranged ? Number(from) : 0;
  const end = ranged && to ? Math.min(Number(to) + 1, file.length) : file.length;
  if (ranged && start >= file.length) {
    response.writeHead(416, { 'Content-Range': `bytes */${file.length}` }).end();
    return;
  }
  const part = file.subarray(start, end);
  response.writeHead(status ?? (ranged ? 206 : 200), {
    'Content-Type': TYPES.find(([pattern]) => pattern.test(path))?.[1] ?? 'application/octet-stream',
    ...(!mute && { 'Content-Length': String(part.length), ETag: etag }),
    ...(ranged && { 'Content-Range': `bytes ${start}-${end - 1}/${file.length}` }),
    ...headers,
  });
  if (stall) {
    response.flushHeaders();
  } else if (cutAt === undefined) {
    response.end(part);
  } else {
    response.write(part.subarray(0, Math.floor(part.length * cutAt)));
    const moment = new Promise((resolve) => setTimeout(resolve, 20));
    void (cutAfter ?? moment).then(() => response.destroy());
  }
}
