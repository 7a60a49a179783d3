/**
 * What a host would have to send with every file: isolation from other pages, without which there is no SharedArrayBuffer
 * and so only one thread, and a policy that lets nothing in from elsewhere and nothing out. `npm start` sends them, the
 * service worker adds them to whatever another host sends, and the policy stands in the page as well, for a first visit.
 *
 * 'wasm-unsafe-eval' compiles WebAssembly, which is ONNX Runtime; it allows no `eval` of script.
 */
export const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Content-Security-Policy': [
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; '),
} as const;
