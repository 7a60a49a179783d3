import { validateRequests, type EditRequest, type ValidRequest } from '../../src/edit/request.ts';

/** What an entry of a list asks for, without what else the entry says. */
export function validRequest({ prompt, subject, target }: EditRequest): ValidRequest {
  return validateRequests({ prompt, subject, target })[0];
}
