/** Whether a value read from JSON is an object with keys. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value read from JSON as a message shows it: short, whatever it is. */
export function showJson(value: unknown): string {
  try {
    const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'missing');
    return text.length > SHOWN ? `${text.slice(0, SHOWN)} …` : text;
  } catch {
    return 'nested too deeply to be shown';
  }
}

/**
 * JSON from bytes in UTF-8, of a shape that nobody has checked yet.
 *
 * @returns the value, or what is wrong with the bytes
 */
export function parseJson(bytes: Uint8Array): { readonly value: unknown } | { readonly fault: string } {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return { fault: `${bytes.length} bytes that are not JSON (${reason.slice(0, 100)})` };
  }
}

// ---

/** Characters of a value that a message shows. */
const SHOWN = 80;
