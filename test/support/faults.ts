import { expect } from 'vitest';
import { EditorError, type ErrorCode } from '../../src/base/errors.ts';

/** The `EditorError` that a call must end in; anything else, success included, fails the test. */
export async function faultOf(call: () => unknown): Promise<EditorError> {
  let thrown: unknown;
  try {
    thrown = { nothing: await call() };
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(EditorError);
  return thrown as EditorError;
}

/** Expects a code and every given piece of text in the message. */
export async function expectFault(call: () => unknown, code: ErrorCode, ...texts: string[]): Promise<void> {
  const fault = await faultOf(call);
  expect({ code: fault.code, message: fault.message }).toMatchObject({ code });
  for (const text of texts) expect(fault.message).toContain(text);
}
